"""API keys, on each database."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from manual_clock import ManualClock
from sqlalchemy import event, select

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.database.engine import open_database, reading
from spark_avatar.database.migrate import upgrade
from spark_avatar.database.schema import accounts, api_keys
from spark_avatar.errors import InvalidOptions, NotAuthenticated

START = datetime(2026, 3, 1, 12, 0, 0, 654321, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def keys(engine, clock):
    return SqlKeyStore(engine, clock=clock)


def refused(keys, secret):
    with pytest.raises(NotAuthenticated):
        keys.authenticate(secret)
    return True


def test_a_new_key_opens_its_account(keys):
    key, secret = keys.create("laptop", account="anna")
    assert keys.authenticate(secret) == Caller(account_id="anna", key_id=key.id, key_name="laptop")
    assert (key.name, key.account_id, key.created_at, key.revoked_at) == ("laptop", "anna", START, None)


def test_a_secret_is_recognisable_and_its_prefix_gives_little_of_it_away(keys):
    key, secret = keys.create("laptop")
    assert re.fullmatch(r"sk-spark-[A-Za-z0-9]{43}", secret)
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) == 35


def test_secrets_differ(keys):
    assert len({keys.create("n")[1] for _ in range(20)}) == 20


def test_the_secret_is_stored_nowhere(keys, engine):
    _, secret = keys.create("laptop")
    with reading(engine) as connection:
        rows = connection.execute(select(api_keys)).all()
    assert secret[len("sk-spark-") + 8 :] not in repr(rows)


def test_the_account_is_made_once(keys, engine):
    for _ in range(2):
        keys.create("laptop")
    keys.create("laptop", account="anna")
    with reading(engine) as connection:
        assert sorted(connection.execute(select(accounts.c.id)).scalars()) == ["anna", "default"]


def test_keys_of_a_new_account_made_at_once_all_work(keys):
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda number: keys.create(f"k{number}", account="new"), range(12)))
    assert {keys.authenticate(secret).key_name for _, secret in made} == {f"k{number}" for number in range(12)}


@pytest.mark.parametrize("name", ["", "  \t"])
def test_a_key_needs_a_name(keys, name):
    with pytest.raises(InvalidOptions):
        keys.create(name)


@pytest.mark.parametrize("account", ["", "../etc", "a/b", "a b", ".hidden", "ä", "a" * 65, "a\n"])
def test_an_account_must_fit_into_a_path(keys, account):
    with pytest.raises(InvalidOptions):
        keys.create("n", account=account)
    assert keys.list() == []


@pytest.mark.parametrize("change", [str.swapcase, lambda s: s[:-1], lambda s: s + "x", lambda s: s[:-1] + chr(ord(s[-1]) ^ 1)])
def test_a_secret_that_is_nearly_right_is_refused(keys, change):
    _, secret = keys.create("laptop")
    assert refused(keys, change(secret))


@pytest.mark.parametrize("secret", ["", "sk-spark-", "sk-other-" + "a" * 43, "sk-spark-\ud800\x01", "x" * 100_000])
def test_what_is_no_secret_is_refused(keys, secret):
    assert refused(keys, secret)


def test_the_stored_hash_and_the_id_open_nothing(keys, engine):
    key, _ = keys.create("laptop")
    with reading(engine) as connection:
        stored = connection.execute(select(api_keys.c.secret_hash)).scalar_one()
    for word in (stored, "sk-spark-" + stored, key.id, key.prefix):
        assert refused(keys, word)


def test_a_revoked_key_is_refused_at_once_everywhere(keys, database_url):
    key, secret = keys.create("laptop")
    _, other = keys.create("phone")
    keys.authenticate(secret)
    beside = open_database(database_url)
    assert [ended.id for ended in SqlKeyStore(beside).revoke(key.id)] == [key.id]
    beside.dispose()
    assert refused(keys, secret)
    assert keys.authenticate(other).key_name == "phone"


@pytest.mark.parametrize("word", [lambda key: key.id, lambda key: key.prefix, lambda key: key.name])
def test_a_key_is_revoked_by_any_of_its_names(keys, clock, word):
    key, secret = keys.create("laptop")
    clock.pass_time(hours=1)
    (ended,) = keys.revoke(word(key))
    assert ended.revoked_at == clock.now
    assert refused(keys, secret)
    assert keys.list() == [ended]


def test_revoking_a_name_ends_all_keys_of_that_name(keys):
    secrets = [keys.create("ci")[1] for _ in range(2)]
    assert len(keys.revoke("ci")) == 2
    assert all(refused(keys, secret) for secret in secrets)


def test_revoking_again_changes_nothing(keys, clock):
    key, _ = keys.create("laptop")
    keys.revoke(key.id)
    clock.pass_time(days=1)
    assert keys.revoke(key.id) == []
    assert keys.list()[0].revoked_at == START


@pytest.mark.parametrize("word", ["", "unknown", "%", "sk-spark-"])
def test_revoking_what_is_not_there_ends_nothing(keys, word):
    _, secret = keys.create("laptop")
    assert keys.revoke(word) == []
    assert keys.authenticate(secret)


def test_keys_are_listed_by_account_oldest_first(keys, clock):
    for name, account in [("a", "anna"), ("b", "otto"), ("c", "anna")]:
        keys.create(name, account=account)
        clock.pass_time(seconds=1)
    assert [key.name for key in keys.list()] == ["a", "b", "c"]
    assert [key.name for key in keys.list("anna")] == ["a", "c"]
    assert keys.list("nobody") == []


def test_the_last_use_is_known_to_the_minute(keys, clock):
    _, secret = keys.create("laptop")
    assert keys.list()[0].last_used_at is None
    used = []
    for seconds in (5, 50, 20, 59, 2):
        clock.pass_time(seconds=seconds)
        keys.authenticate(secret)
        used.append((keys.list()[0].last_used_at - START).total_seconds())
    assert used == [5, 5, 75, 75, 136]


def test_most_calls_write_nothing(keys, engine, clock):
    _, secret = keys.create("laptop")
    keys.authenticate(secret)
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    for _ in range(10):
        clock.pass_time(seconds=1)
        keys.authenticate(secret)
    assert not any(re.match("INSERT|UPDATE|BEGIN IMMEDIATE", statement) for statement in statements)


def test_a_busy_writer_delays_no_caller(tmp_path, clock):
    """On SQLite, as readers there wait for nobody."""
    path = tmp_path / "spark.db"
    upgrade(f"sqlite:///{path}")
    engine = open_database(f"sqlite:///{path}")
    keys = SqlKeyStore(engine, clock=clock)
    _, secret = keys.create("laptop")
    keys.authenticate(secret)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert keys.authenticate(secret).key_name == "laptop"
    writer.close()
    engine.dispose()
