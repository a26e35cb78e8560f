"""Attempts to sign in and the audit log, on each database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from manual_clock import ManualClock
from sqlalchemy import select

from spark_avatar.accounts.audit import OPERATOR, Actor
from spark_avatar.accounts.sign_in_attempts import OF_ADDRESS, OF_USER, Subject
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.accounts.sql.sign_in_attempts import SqlSignInAttempts
from spark_avatar.database.engine import reading
from spark_avatar.database.schema import login_failures
from spark_avatar.errors import RateLimited

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = Subject("user", "anna@example.org", OF_USER)
HOME = Subject("address", "10.0.0.1", OF_ADDRESS)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def attempts(engine, clock):
    return SqlSignInAttempts(engine, clock=clock)


def wait_of(attempts, *subjects):
    """Seconds that must pass before the next attempt."""
    try:
        attempts.begin(*subjects)
    except RateLimited as refusal:
        return refusal.facts["reset_seconds"]
    return 0


def test_five_attempts_are_free_then_the_waits_double(attempts, clock):
    assert [wait_of(attempts, ANNA) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(8):
        waits.append(wait_of(attempts, ANNA))
        clock.pass_time(seconds=waits[-1])
        assert wait_of(attempts, ANNA) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_an_address_waits_up_to_a_quarter_of_an_hour(attempts, clock):
    for _ in range(OF_ADDRESS.free):
        assert wait_of(attempts, HOME) == 0
    longest = 0
    for _ in range(14):
        longest = wait_of(attempts, HOME)
        clock.pass_time(seconds=longest)
        attempts.begin(HOME)
    assert longest == 900


def test_whoever_must_wait_is_not_counted_and_others_go_on(attempts):
    for _ in range(5):
        attempts.begin(ANNA)
    assert wait_of(attempts, ANNA, HOME) == 1
    assert [wait_of(attempts, HOME, Subject("user", f"user-{number}", OF_USER)) for number in range(100)] == [0] * 100
    assert wait_of(attempts, HOME) == 1


def test_many_at_once_get_no_further_than_one_after_another(attempts):
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: wait_of(attempts, ANNA, HOME), range(24)))
    assert waits.count(0) == 5


def test_success_forgives_the_user_but_not_the_address(attempts, clock):
    for _ in range(OF_ADDRESS.free):
        attempts.begin(HOME)
    clock.pass_time(seconds=1)
    attempts.begin(HOME, ANNA)
    attempts.succeed(HOME, ANNA)
    assert [wait_of(attempts, ANNA) for _ in range(6)] == [0] * 5 + [1]
    assert wait_of(attempts, HOME) == 1


def test_attempts_are_forgotten_after_a_day(attempts, clock):
    for _ in range(5):
        attempts.begin(ANNA)
    assert attempts.sweep() == 0
    clock.pass_time(hours=24, seconds=1)
    assert [wait_of(attempts, ANNA) for _ in range(5)] == [0] * 5
    clock.pass_time(hours=24, seconds=1)
    assert attempts.sweep() == 1


def test_what_was_typed_stands_nowhere(attempts, engine):
    attempts.begin(Subject("user", "my password by mistake", OF_USER))
    with reading(engine) as connection:
        assert "mistake" not in repr(connection.execute(select(login_failures)).all())


@pytest.fixture
def log(engine, clock):
    return SqlAuditLog(engine, clock=clock)


def test_an_event_comes_back_as_it_was(log):
    actor = Actor("user:1", "10.0.0.1", "request-1")
    log.record("key.created", actor=actor, account="studio", subject="key:1", details={"scopes": ["read"], "number": 1})
    log.record("user.created", actor=OPERATOR)
    newest, first = sorted(log.page(None, limit=9), key=lambda event: event.action, reverse=True)
    assert (first.created_at, first.account_id, first.actor, first.action) == (START, "studio", "user:1", "key.created")
    assert (first.subject, first.address, first.request_id) == ("key:1", "10.0.0.1", "request-1")
    assert first.details == {"scopes": ["read"], "number": 1}
    assert (newest.actor, newest.account_id, newest.details) == ("command line", None, {})


@pytest.mark.parametrize("step", [0, 1])
def test_pages_leave_nothing_out_even_of_one_moment(log, clock, step):
    for number in range(7):
        log.record("a", actor=OPERATOR, account="studio", details={"number": number})
        log.record("b", actor=OPERATOR, account="other")
        clock.pass_time(seconds=step)
    seen, before = [], None
    for _ in range(4):
        page = log.page("studio", limit=2, before=before)
        seen += [event.details["number"] for event in page]
        before = (page[-1].created_at, page[-1].id)
    assert log.page("studio", limit=2, before=before) == []
    assert sorted(seen) == list(range(7))
    assert not step or seen == list(range(7))[::-1]


def test_old_events_are_forgotten(log, clock):
    log.record("a", actor=OPERATOR)
    clock.pass_time(days=2)
    log.record("b", actor=OPERATOR)
    assert log.forget(START + timedelta(days=1)) == 1
    assert [event.action for event in log.page(None, limit=9)] == ["b"]
