"""What API keys may do and for how long, on each database."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from manual_clock import ManualClock
from sqlalchemy import event, insert, update

from spark_avatar.accounts.keys import KeyTerms
from spark_avatar.accounts.roles import USUAL_SCOPES, Scope
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import api_keys, key_spending
from spark_avatar.errors import NotAuthenticated, NotFound

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = KeyTerms(
    scopes=frozenset({Scope.ADMIN, Scope.READ}),
    expires_at=START + timedelta(days=1),
    models=frozenset({"one", "two"}),
    rate_limit="5/second",
    monthly_budget=Decimal("12.345678"),
)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def refusals():
    return []


@pytest.fixture
def keys(engine, clock, refusals):
    return SqlKeyStore(engine, clock=clock, on_refusal=lambda key, why, address: refusals.append((key.id, why, address)))


def test_terms_come_back_and_count(keys):
    key, secret = keys.create("n", account="anna", terms=ALL, created_by="user:1")
    assert keys.get(key.id, "anna") == key == keys.list()[0]
    assert (key.terms, key.created_by) == (ALL, "user:1")
    caller = keys.authenticate(secret, "10.0.0.1")
    assert (caller.scopes, caller.models, caller.rate_limit) == (ALL.scopes, ALL.models, ALL.rate_limit)
    assert caller.may_use("one")
    assert not caller.may_use("three")
    assert keys.get(key.id, "anna").last_used_address == "10.0.0.1"
    with pytest.raises(NotFound):
        keys.get(key.id, "otto")


def test_a_key_from_before_there_were_scopes_generates_and_reads(keys, engine):
    key, secret = keys.create("old")
    with writing(engine) as connection:
        connection.execute(update(api_keys).values(scopes=None))
    assert keys.authenticate(secret).scopes == USUAL_SCOPES
    assert keys.get(key.id, "default").terms == KeyTerms()


def test_a_key_expires_to_the_moment(keys, clock, refusals):
    key, secret = keys.create("n", terms=ALL)
    clock.now = ALL.expires_at - timedelta(microseconds=1)
    assert keys.authenticate(secret)
    clock.now = ALL.expires_at
    with pytest.raises(NotAuthenticated):
        keys.authenticate(secret, "10.0.0.9")
    assert refusals == [(key.id, "expired", "10.0.0.9")]


def test_only_keys_that_were_right_once_are_told_of(keys, refusals):
    key, secret = keys.create("n")
    keys.revoke(key.id)
    for guess in (secret[:-1] + "x", "sk-spark-" + "a" * 43, secret):
        with pytest.raises(NotAuthenticated):
            keys.authenticate(guess)
    assert refusals == [(key.id, "revoked", "")] or secret.endswith("x")


def bare(key):
    """The key under another name, without limits."""
    return replace(key, name="m", terms=KeyTerms())


def test_a_key_is_changed(keys, clock):
    key, secret = keys.create("n", terms=ALL)
    changed = keys.change(key.id, "default", bare)
    assert (changed.name, changed.terms) == ("m", KeyTerms())
    assert keys.get(key.id, "default") == changed
    clock.now = ALL.expires_at
    assert keys.authenticate(secret).key_name == "m"
    keys.revoke(key.id)
    for account in ("default", "other"):
        with pytest.raises(NotFound):
            keys.change(key.id, account, bare)


def test_a_key_that_is_ended_while_it_is_changed_stays_ended(keys):
    key, secret = keys.create("n")
    with ThreadPoolExecutor(1) as other:

        def slowly(key):
            ending.append(other.submit(keys.end, key.id, "default"))
            wait(ending, timeout=0.3)
            return bare(key)

        ending = []
        keys.change(key.id, "default", slowly)
    assert ending[0].result()
    assert keys.get(key.id, "default").name == "m"
    with pytest.raises(NotAuthenticated):
        keys.authenticate(secret)


def test_of_two_changes_at_once_both_count(keys):
    key, _ = keys.create("n")
    with ThreadPoolExecutor(1) as other:

        def slowly(key):
            renaming.append(other.submit(keys.change, key.id, "default", lambda key: replace(key, name="m")))
            wait(renaming, timeout=0.3)
            return replace(key, terms=ALL)

        renaming = []
        keys.change(key.id, "default", slowly)
    assert renaming[0].result() == keys.get(key.id, "default")
    assert (renaming[0].result().name, renaming[0].result().terms) == ("m", ALL)


def test_rotation_keeps_the_terms_and_ends_the_old_key(keys, clock):
    old, secret = keys.create("n", terms=ALL)
    new, fresh = keys.rotate(old.id, "default", grace=timedelta(hours=1), created_by="user:2")
    assert (new.name, new.terms, new.created_by) == ("n", ALL, "user:2")
    left = keys.get(old.id, "default")
    assert (left.rotated_to, left.terms.expires_at) == (new.id, START + timedelta(hours=1))
    assert {keys.authenticate(each).key_id for each in (secret, fresh)} == {old.id, new.id}
    clock.now += timedelta(hours=1)
    with pytest.raises(NotAuthenticated):
        keys.authenticate(secret)
    assert keys.authenticate(fresh)


def test_of_two_rotations_at_once_one_counts(keys):
    old, _ = keys.create("n")

    def rotate(_):
        try:
            return keys.rotate(old.id, "default", grace=timedelta(hours=1))[0].id
        except NotFound:
            return None

    with ThreadPoolExecutor(4) as threads:
        made = [result for result in threads.map(rotate, range(4)) if result is not None]
    assert made == [keys.get(old.id, "default").rotated_to]
    assert len(keys.list()) == 2


def test_ending_a_key_leaves_others_alone_of_whatever_name(keys):
    mine, theirs = keys.create("ci", account="anna")[0], keys.create("ci", account="otto")[0]
    named, _ = keys.create(mine.id, account="anna")
    assert not keys.end(theirs.id, "anna")
    assert keys.end(mine.id, "anna")
    assert not keys.end(mine.id, "anna")
    assert {key.id for key in keys.list() if key.is_live(START)} == {theirs.id, named.id}


def test_what_keys_have_spent_is_told_by_month_and_account(keys, engine):
    mine, theirs = keys.create("a", account="anna")[0], keys.create("b", account="otto")[0]
    with writing(engine) as connection:
        for key, month, spent in ((mine, "2026-03", "1.5"), (mine, "2026-02", "9"), (theirs, "2026-03", "7")):
            row = {"key_id": key.id, "month": month, "spent": Decimal(spent), "held": Decimal(0)}
            connection.execute(insert(key_spending), row)
    assert keys.spent("anna", "2026-03") == {mine.id: Decimal("1.5")}
    assert keys.spent("anna", "2026-04") == {}


def test_keys_that_took_each_others_place_have_spent_together(keys, engine):
    first, _ = keys.create("n", account="anna")
    second, _ = keys.rotate(first.id, "anna", grace=timedelta(hours=1))
    third, _ = keys.rotate(second.id, "anna", grace=timedelta(0))
    other, _ = keys.create("n", account="anna")
    with writing(engine) as connection:
        for key, spent in ((first, "1"), (second, "0.25"), (other, "8")):
            row = {"key_id": key.id, "month": "2026-03", "spent": Decimal(spent), "held": Decimal(0)}
            connection.execute(insert(key_spending), row)
    together = Decimal("1.25")
    assert keys.spent("anna", "2026-03") == {first.id: together, second.id: together, third.id: together, other.id: Decimal(8)}


def test_knowing_a_caller_takes_one_read(keys, engine):
    _, secret = keys.create("n", terms=ALL)
    keys.authenticate(secret)
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    keys.authenticate(secret)
    assert [statement.split()[0] for statement in statements if not statement.startswith("BEGIN")] == ["SELECT"]
