"""Users, memberships and invitations, on each database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from manual_clock import ManualClock

from spark_avatar.accounts.invitations import NewUser
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import SessionLife
from spark_avatar.accounts.sql.invitations import SqlInvitationStore
from spark_avatar.accounts.sql.sessions import SqlSessionStore
from spark_avatar.accounts.sql.tokens import SqlTokenStore
from spark_avatar.accounts.sql.users import SqlUserStore
from spark_avatar.errors import Conflict, NotAuthenticated, NotFound

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def users(engine, clock):
    return SqlUserStore(engine, clock=clock)


@pytest.fixture
def invitations(engine, clock):
    return SqlInvitationStore(engine, clock=clock)


def add(users, name, role=Role.MEMBER, account="studio"):
    return users.add(f"{name}@example.org", name.title(), "hash", account=account, role=role).user


def attempt(call, *arguments):
    try:
        return call(*arguments)
    except (Conflict, NotFound) as error:
        return type(error)


def test_a_user_is_found_by_address_and_id(users):
    assert not users.any()
    anna = add(users, "anna", Role.OWNER)
    assert users.any()
    assert users.find("anna@example.org") == users.get(anna.id) == (anna, "hash")
    assert users.find("otto@example.org") is None
    with pytest.raises(NotFound):
        users.get("otto")
    users.set_password(anna.id, "another")
    assert users.get(anna.id)[1] == "another"


def test_an_address_is_one_users(users):
    add(users, "anna")
    with pytest.raises(Conflict):
        add(users, "anna", account="elsewhere")
    assert [member.account_id for member in users.all()] == ["studio"]


def test_of_many_who_take_an_address_at_once_one_gets_it(users):
    with ThreadPoolExecutor(5) as threads:
        results = list(threads.map(lambda number: attempt(add, users, "anna", Role.MEMBER, f"a{number}"), range(5)))
    assert results.count(Conflict) == 4
    assert len(users.all()) == 1


def test_members_are_listed_by_workspace_oldest_first(users, clock):
    anna = add(users, "anna", Role.OWNER)
    clock.now += timedelta(seconds=1)
    otto = add(users, "otto")
    add(users, "eve", Role.OWNER, account="other")
    assert [(member.user.id, member.role) for member in users.members("studio")] == [
        (anna.id, Role.OWNER),
        (otto.id, Role.MEMBER),
    ]
    assert users.members("nowhere") == []


def test_the_last_owner_who_can_sign_in_stays(users):
    anna, otto = add(users, "anna", Role.OWNER), add(users, "otto", Role.OWNER)
    users.set_disabled(otto.id, True)
    for call in (
        lambda: users.set_role("studio", anna.id, Role.ADMIN),
        lambda: users.remove("studio", anna.id),
        lambda: users.set_disabled(anna.id, True),
    ):
        with pytest.raises(Conflict):
            call()
    users.set_disabled(otto.id, False)
    assert users.set_role("studio", anna.id, Role.ADMIN).role is Role.ADMIN
    users.remove("studio", anna.id)
    assert [member.user.id for member in users.members("studio")] == [otto.id]
    for call in (users.remove, lambda account, user: users.set_role(account, user, Role.MEMBER)):
        with pytest.raises(NotFound):
            call("studio", anna.id)


def test_who_was_removed_and_comes_back_signs_in_anew(engine, users, invitations, clock):
    add(users, "anna", Role.OWNER)
    otto = add(users, "otto")
    users.add("eve@example.org", "Eve", "hash", account="theatre", role=Role.OWNER)
    sessions, tokens = SqlSessionStore(engine, SessionLife(), clock=clock), SqlTokenStore(engine, clock=clock)

    def join(account):
        _, code = invitations.create(account, otto.email, Role.MEMBER, invited_by=None, expires_at=START + WEEK)
        invitations.accept(code, otto)

    join("theatre")
    _, here = sessions.open(otto.id, "studio", address="", user_agent="")
    _, there = sessions.open(otto.id, "theatre", address="", user_agent="")
    pair = tokens.issue(user_id=otto.id, account_id="studio")
    users.remove("studio", otto.id)
    join("studio")
    for show in (
        lambda: sessions.find(here),
        lambda: tokens.authenticate(pair.access_token),
        lambda: tokens.refresh(pair.refresh_token),
    ):
        with pytest.raises(NotAuthenticated):
            show()
    assert sessions.find(there).member.user.id == otto.id


def test_two_owners_who_remove_each_other_at_once_do_not_both_go(users):
    anna, otto = add(users, "anna", Role.OWNER), add(users, "otto", Role.OWNER)
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda user: attempt(users.remove, "studio", user.id), (anna, otto)))
    assert sorted(map(str, results)) == sorted([str(None), str(Conflict)])
    assert len(users.members("studio")) == 1


def test_an_invitation_is_accepted_once(invitations, users, clock):
    made, code = invitations.create("studio", "eve@example.org", Role.ADMIN, invited_by="user:1", expires_at=START + WEEK)
    assert invitations.find(code) == made
    assert invitations.open("studio") == [made]
    assert invitations.open("other") == []
    eve = NewUser("eve@example.org", "Eve", "hash")
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: attempt(invitations.accept, code, eve), range(4)))
    (member,) = [result for result in results if not isinstance(result, type)]
    assert results.count(NotFound) == 3
    assert (member.role, member.account_id, member.user.operator) == (Role.ADMIN, "studio", False)
    assert users.find("eve@example.org") == (member.user, "hash")
    assert invitations.open("studio") == []
    with pytest.raises(Conflict):
        invitations.create("studio", "eve@example.org", Role.ADMIN, invited_by=None, expires_at=START + WEEK)


def test_a_user_joins_a_second_workspace_and_keeps_a_role_that_is_there(invitations, users):
    eve = add(users, "eve", Role.OWNER)
    _, code = invitations.create("other", "eve@example.org", Role.MEMBER, invited_by=None, expires_at=START + WEEK)
    assert invitations.accept(code, eve).account_id == "other"
    assert [member.account_id for member in users.workspaces(eve.id)] in (["studio", "other"], ["other", "studio"])


def test_all_open_invitations_of_a_proven_address_are_accepted_at_once(invitations, users, clock):
    made = []
    for account in ("studio", "other", "third"):
        life = timedelta(hours=1) if account == "third" else WEEK
        made.append(invitations.create(account, "eve@example.org", Role.ADMIN, invited_by=None, expires_at=clock.now + life)[0])
        invitations.create(account, "otto@example.org", Role.MEMBER, invited_by=None, expires_at=START + WEEK)
        clock.now += timedelta(minutes=30)
    clock.now += timedelta(hours=1)
    joined = invitations.accept_invited(NewUser("eve@example.org", "Eve", None))
    assert [invitation.id for invitation, _ in joined] == [made[1].id, made[0].id], "the newest first, none that has expired"
    assert [(member.account_id, member.role) for _, member in joined] == [("other", Role.ADMIN), ("studio", Role.ADMIN)]
    eve, _ = users.find("eve@example.org")
    assert invitations.accept_invited(eve) == []
    assert invitations.accept_invited(NewUser("nobody@example.org", "Nobody", None)) == []
    assert users.find("nobody@example.org") is None
    assert [invitation.email for invitation in invitations.open("studio")] == ["otto@example.org"]


@pytest.mark.parametrize("end", ["expired", "withdrawn", "replaced"])
def test_an_invitation_that_is_over_opens_nothing(invitations, clock, end):
    made, code = invitations.create("studio", "eve@example.org", Role.MEMBER, invited_by=None, expires_at=START + WEEK)
    if end == "expired":
        clock.now += WEEK
    elif end == "withdrawn":
        with pytest.raises(NotFound):
            invitations.withdraw(made.id, "other")
        assert invitations.withdraw(made.id, "studio") == made
    else:
        invitations.create("studio", "eve@example.org", Role.MEMBER, invited_by=None, expires_at=START + WEEK)
    for call in (invitations.find, lambda code: invitations.accept(code, NewUser("eve@example.org", "Eve", "h"))):
        with pytest.raises(NotFound):
            call(code)
    assert invitations.sweep() == (end == "expired")


@pytest.mark.parametrize("guess", ["", "iv-spark-", "iv-spark-" + "a" * 43, "\ud800"])
def test_a_guessed_code_is_none(invitations, guess):
    invitations.welcome("default", expires_at=START + WEEK)
    with pytest.raises(NotFound):
        invitations.find(guess)


def test_the_first_start_makes_one_owner(invitations, users):
    first = invitations.welcome("default", expires_at=START + WEEK)
    second = invitations.welcome("default", expires_at=START + WEEK)
    with pytest.raises(NotFound):
        invitations.find(first)
    assert invitations.find(second).email is None
    assert invitations.open("default") == []
    member = invitations.accept(second, NewUser("anna@example.org", "Anna", "hash"))
    assert (member.role, member.account_id, member.user.operator) == (Role.OWNER, "default", True)
    assert invitations.welcome("default", expires_at=START + WEEK) is None


def test_the_link_of_the_first_start_is_worth_nothing_once_there_is_a_user(invitations, users):
    code = invitations.welcome("default", expires_at=START + WEEK)
    add(users, "anna", Role.OWNER)
    for call in (invitations.find, lambda code: invitations.accept(code, NewUser("eve@example.org", "Eve", "h"))):
        with pytest.raises(NotFound):
            call(code)
    assert users.find("eve@example.org") is None
