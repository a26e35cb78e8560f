"""Tokens, on each database: they expire, rotate, and end together when one is stolen."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, insert, select, update

from spark_avatar.accounts.sql.tokens import SqlTokenStore
from spark_avatar.accounts.tokens import ACCESS_LIFE, REFRESH_LIFE
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import accounts, memberships, tokens, users
from spark_avatar.errors import NotAuthenticated

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TokenClock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return TokenClock()


@pytest.fixture
def store(engine, clock):
    with writing(engine) as connection:
        connection.execute(insert(accounts), {"id": "lab", "created_at": START})
        person = {"id": "anna", "email": "anna@example.org", "name": "Anna", "operator": False, "created_at": START}
        connection.execute(insert(users), person)
        connection.execute(insert(memberships), {"account_id": "lab", "user_id": "anna", "role": "admin", "created_at": START})
    return SqlTokenStore(engine, clock=clock)


def issue(store):
    return store.issue(user_id="anna", account_id="lab")


def refused(store, token):
    with pytest.raises(NotAuthenticated):
        store.authenticate(token)
    return True


def test_an_access_token_stands_for_its_user(store):
    pair = issue(store)
    caller = store.authenticate(pair.access_token)
    assert (caller.user_id, caller.account_id, caller.role, caller.actor) == ("anna", "lab", "admin", "user:anna")
    assert caller.scopes == {"generate", "read", "admin"}
    assert (pair.access_token[:9], pair.refresh_token[:9]) == ("at-spark-", "rt-spark-")


def test_no_token_is_stored(store, engine):
    pair = issue(store)
    with reading(engine) as connection:
        stored = repr(connection.execute(select(tokens)).all())
    assert pair.access_token[9:] not in stored
    assert pair.refresh_token[9:] not in stored


def test_tokens_expire(store, clock):
    pair = issue(store)
    clock.now += ACCESS_LIFE
    assert refused(store, pair.access_token)
    clock.now = START + REFRESH_LIFE
    with pytest.raises(NotAuthenticated):
        store.refresh(pair.refresh_token)


@pytest.mark.parametrize("word", ["", "at-spark-", "at-spark-" + "a" * 43, "sk-spark-" + "a" * 43, "at-spark-\0" + "a" * 42])
def test_what_is_no_token_is_refused(store, word):
    issue(store)
    assert refused(store, word)
    with pytest.raises(NotAuthenticated):
        store.refresh(word)
    store.revoke(word)


def test_one_kind_is_not_the_other(store):
    pair = issue(store)
    assert refused(store, pair.refresh_token)
    with pytest.raises(NotAuthenticated):
        store.refresh(pair.access_token)
    assert store.authenticate(pair.access_token)


def test_refreshing_gives_the_next_pair(store, clock):
    first = issue(store)
    clock.now += timedelta(days=29)
    second = store.refresh(first.refresh_token)
    assert store.authenticate(second.access_token).user_id == "anna"
    clock.now += timedelta(days=29)
    assert store.authenticate(store.refresh(second.refresh_token).access_token)


def test_a_refresh_token_that_is_seen_again_ends_the_login_and_no_other(store):
    other, first = issue(store), issue(store)
    second = store.refresh(first.refresh_token)
    with pytest.raises(NotAuthenticated):
        store.refresh(first.refresh_token)
    assert refused(store, second.access_token)
    assert refused(store, first.access_token)
    with pytest.raises(NotAuthenticated):
        store.refresh(second.refresh_token)
    assert store.authenticate(other.access_token)


def test_of_uses_at_once_one_gets_a_pair_and_the_login_ends(store):
    first = issue(store)
    start = threading.Barrier(5)

    def use(_):
        start.wait()
        try:
            return store.refresh(first.refresh_token)
        except NotAuthenticated:
            return None

    with ThreadPoolExecutor(5) as threads:
        pairs = [pair for pair in threads.map(use, range(5)) if pair is not None]
    assert len(pairs) == 1
    assert refused(store, pairs[0].access_token)


def test_uses_in_close_succession_do_not_wait_for_each_other_for_ever(store):
    choose = random.Random(0)
    for _ in range(30):
        first = issue(store)
        start = threading.Barrier(8)

        def use(delay, first=first, start=start):
            start.wait()
            time.sleep(delay)
            try:
                return store.refresh(first.refresh_token)
            except NotAuthenticated:
                return None

        with ThreadPoolExecutor(8) as threads:
            pairs = list(threads.map(use, [choose.uniform(0, 0.012) for _ in range(8)]))
        assert sum(pair is not None for pair in pairs) == 1


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_logging_out_ends_both(store, kind):
    other, pair = issue(store), issue(store)
    store.revoke(getattr(pair, kind))
    assert refused(store, pair.access_token)
    with pytest.raises(NotAuthenticated):
        store.refresh(pair.refresh_token)
    assert store.authenticate(other.access_token)


def test_all_logins_of_a_user_end_together(store):
    pairs = [issue(store), issue(store)]
    store.end_user("somebody else")
    assert store.authenticate(pairs[0].access_token)
    store.end_user("anna")
    for pair in pairs:
        assert refused(store, pair.access_token)
        with pytest.raises(NotAuthenticated):
            store.refresh(pair.refresh_token)
    assert store.authenticate(issue(store).access_token), "and a new one begins"


@pytest.mark.parametrize(
    "end",
    [update(users).values(disabled_at=START), delete(memberships), update(memberships).values(role="member")],
    ids=["disabled", "removed", "demoted"],
)
def test_a_change_of_the_user_counts_at_once(store, engine, end):
    pair = issue(store)
    with writing(engine) as connection:
        connection.execute(end)
    if "role" in str(end):
        assert store.authenticate(pair.access_token).scopes == {"generate", "read"}
        return
    assert refused(store, pair.access_token)
    with pytest.raises(NotAuthenticated):
        store.refresh(pair.refresh_token)
    with pytest.raises(NotAuthenticated):
        issue(store)


def test_old_tokens_are_forgotten(store, engine):
    issue(store)
    assert store.forget(expired_before=START + ACCESS_LIFE * 2) == 1
    assert store.forget(expired_before=START + REFRESH_LIFE * 2) == 1
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(tokens)).scalar_one() == 0
