"""Sessions, on each database."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from manual_clock import ManualClock
from sqlalchemy import event, select

from spark_avatar.accounts.roles import Role, Scope
from spark_avatar.accounts.sessions import SessionLife
from spark_avatar.accounts.sql.sessions import SqlSessionStore
from spark_avatar.accounts.sql.users import SqlUserStore, add_member
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import sessions as session_table
from spark_avatar.errors import NotAuthenticated

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def users(engine, clock):
    return SqlUserStore(engine, clock=clock)


@pytest.fixture
def sessions(engine, clock):
    return SqlSessionStore(engine, SessionLife(timedelta(days=3), timedelta(hours=5)), clock=clock)


@pytest.fixture
def anna(users):
    users.add("otto@example.org", "Otto", None, account="studio", role=Role.OWNER)
    return users.add("anna@example.org", "Anna", None, account="studio", role=Role.MEMBER).user


def opened(sessions, user, account="studio"):
    return sessions.open(user.id, account, address="10.0.0.1", user_agent="Firefox " + "x" * 500)


def over(sessions, secret):
    with pytest.raises(NotAuthenticated):
        sessions.find(secret)
    return True


def test_a_session_tells_the_user_and_what_the_role_may_do(sessions, anna):
    session, secret = opened(sessions, anna)
    found = sessions.find(secret)
    assert found.session == session
    assert found.member.user == anna
    caller = found.caller
    assert (caller.account_id, caller.user_id, caller.role) == ("studio", anna.id, Role.MEMBER)
    assert (caller.key_id, caller.key_name, caller.session_id) == (f"session:{anna.id}", "Anna", session.id)
    assert caller.scopes == {Scope.GENERATE, Scope.READ}
    assert len(session.user_agent) <= 200


def test_a_new_role_counts_at_once(sessions, users, anna):
    _, secret = opened(sessions, anna)
    users.set_role("studio", anna.id, Role.ADMIN)
    assert Scope.ADMIN in sessions.find(secret).caller.scopes


@pytest.mark.parametrize("guess", ["", "ss-spark-", "ss-spark-" + "a" * 43, "sk-spark-" + "a" * 43, "ss-spark-\ud800"])
def test_what_is_no_session_is_refused(sessions, anna, guess):
    opened(sessions, anna)
    assert over(sessions, guess)


def test_a_session_ends_after_its_longest_time_however_busy(sessions, anna, clock):
    _, secret = opened(sessions, anna)
    for _ in range(17):
        clock.pass_time(hours=4)
        assert sessions.find(secret)
    clock.pass_time(hours=4)
    assert over(sessions, secret)


def test_a_session_that_nobody_uses_ends_sooner(sessions, anna, clock):
    _, secret = opened(sessions, anna)
    clock.pass_time(hours=4, minutes=59)
    assert sessions.find(secret).session.seen_at == START
    assert sessions.find(secret).session.seen_at == clock.now
    clock.pass_time(hours=5)
    assert over(sessions, secret)


def test_sessions_end_one_by_one_or_all_at_once(sessions, anna, users):
    otto = users.find("otto@example.org")[0]
    (first, a), (second, b), (_, c) = (opened(sessions, anna) for _ in range(3))
    _, others = opened(sessions, otto)
    assert not sessions.end(first.id, otto.id), "nobody ends another's session"
    assert sessions.end(first.id, anna.id)
    assert not sessions.end(first.id, anna.id)
    assert over(sessions, a)
    assert sessions.end_all(anna.id, but=second.id) == 1
    assert sessions.find(b)
    assert over(sessions, c)
    assert sessions.end_all(anna.id) == 1
    assert over(sessions, b)
    assert sessions.find(others)


def test_who_is_no_member_any_more_or_disabled_is_out_at_once(sessions, users, anna):
    _, secret = opened(sessions, anna)
    users.set_disabled(anna.id, True)
    assert over(sessions, secret)
    users.set_disabled(anna.id, False)
    assert sessions.find(secret)
    users.remove("studio", anna.id)
    assert over(sessions, secret)


def test_a_user_sees_the_own_live_sessions(sessions, anna, clock):
    opened(sessions, anna)
    clock.pass_time(hours=6)
    second, _ = opened(sessions, anna)
    clock.pass_time(minutes=1)
    third, _ = opened(sessions, anna)
    assert [session.id for session in sessions.of_user(anna.id)] == [third.id, second.id]
    assert sessions.sweep() == 1
    assert sessions.sweep() == 0


def test_a_session_can_look_at_another_workspace(sessions, users, engine, anna):
    session, secret = opened(sessions, anna)
    with writing(engine) as connection:
        add_member(connection, anna, "elsewhere", Role.ADMIN, START)
    assert sessions.find(secret).member.account_id == "studio"
    sessions.move(session.id, "elsewhere")
    found = sessions.find(secret)
    assert (found.caller.account_id, found.caller.role) == ("elsewhere", Role.ADMIN)


def test_most_requests_write_nothing(sessions, engine, anna, clock):
    _, secret = opened(sessions, anna)
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    for _ in range(10):
        clock.pass_time(seconds=1)
        sessions.find(secret)
    assert not any(re.match("INSERT|UPDATE|BEGIN IMMEDIATE", statement) for statement in statements)
    assert sum(statement.startswith("SELECT") for statement in statements) == 10


def test_the_secret_is_stored_nowhere(sessions, engine, anna):
    _, secret = opened(sessions, anna)
    with reading(engine) as connection:
        assert secret[9:] not in repr(connection.execute(select(session_table)).all())
