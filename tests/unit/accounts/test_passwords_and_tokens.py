"""Passwords, tokens against forgery, and the waits between attempts."""

import threading
from datetime import timedelta

import pytest
from argon2 import Parameters, extract_parameters, profiles
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type

from spark_avatar.accounts.bearer_secrets import SESSION_MARK, new_secret
from spark_avatar.accounts.passwords import LONGEST, SHORTEST, Passwords
from spark_avatar.accounts.roles import Role, Scope
from spark_avatar.accounts.sessions import csrf_token, is_csrf_token
from spark_avatar.accounts.sign_in_attempts import Patience
from spark_avatar.accounts.users import checked_email, checked_name
from spark_avatar.errors import InvalidOptions

CHEAP = Passwords(profiles.CHEAPEST)
PASSWORD = "pässword 🙂 long"


def test_passwords_are_kept_as_argon2id_of_rfc_9106():
    kept = Passwords().hash("long enough 1")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_the_right_password_and_no_other():
    kept = CHEAP.hash(PASSWORD)
    assert CHEAP.matches(PASSWORD, kept)
    assert not any(CHEAP.matches(wrong, kept) for wrong in ("", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + " ", kept))
    assert CHEAP.hash(PASSWORD) != kept, "each hash has its own salt"


def test_nobody_has_no_password():
    assert not CHEAP.matches("the password of nobody", None)
    assert not CHEAP.matches("", None)
    assert not CHEAP.matches(PASSWORD, "no hash at all")


@pytest.mark.parametrize("password", ["", "a" * (SHORTEST - 1), "a" * (LONGEST + 1)])
def test_only_the_length_is_judged(password):
    with pytest.raises(InvalidOptions):
        CHEAP.hash(password)


@pytest.mark.parametrize("password", ["a" * SHORTEST, "a" * LONGEST, "\ud800" * SHORTEST])
def test_any_other_password_will_do(password):
    assert CHEAP.matches(password, CHEAP.hash(password))


def test_a_hash_of_other_parameters_works_and_is_outdated():
    stronger = Passwords(Parameters(Type.ID, 19, 16, 32, 2, 16, 1))
    old = CHEAP.hash(PASSWORD)
    assert stronger.matches(PASSWORD, old)
    assert stronger.is_outdated(old)
    assert not stronger.is_outdated(stronger.hash(PASSWORD))


def test_an_unknown_user_costs_as_much_as_a_known_one(monkeypatch):
    """Counted, not timed: one verification with the same parameters either way."""
    checked = []
    verify = type(CHEAP._hasher).verify

    def counting(self, kept, password):
        checked.append(kept.rsplit("$", 2)[0])
        return verify(self, kept, password)

    monkeypatch.setattr(type(CHEAP._hasher), "verify", counting)
    CHEAP.matches("wrong", CHEAP.hash(PASSWORD))
    CHEAP.matches("wrong", None)
    assert len(checked) == 2
    assert checked[0] == checked[1]


@pytest.mark.parametrize("parameters", [profiles.RFC_9106_LOW_MEMORY, profiles.CHEAPEST])
def test_what_an_unknown_user_is_checked_against_is_a_whole_hash(parameters):
    """It is not made by hashing. One that could not be read would be refused at once."""
    passwords = Passwords(parameters)
    assert extract_parameters(passwords._nobodys) == parameters
    with pytest.raises(VerifyMismatchError):
        passwords._hasher.verify(passwords._nobodys, "any password")


def test_few_passwords_are_hashed_at_once(monkeypatch):
    busy, most, gate = 0, 0, threading.Lock()
    verify = type(CHEAP._hasher).verify

    def counting(self, kept, password):
        nonlocal busy, most
        with gate:
            busy += 1
            most = max(most, busy)
        try:
            return verify(self, kept, password)
        finally:
            with gate:
                busy -= 1

    monkeypatch.setattr(type(CHEAP._hasher), "verify", counting)
    kept = CHEAP.hash(PASSWORD)
    threads = [threading.Thread(target=CHEAP.matches, args=(PASSWORD, kept)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 2


def test_a_token_belongs_to_its_session():
    secret, other = new_secret(SESSION_MARK), new_secret(SESSION_MARK)
    token = csrf_token(secret)
    assert is_csrf_token(token, secret)
    assert not any(is_csrf_token(wrong, secret) for wrong in ("", token[:-1], token + "x", csrf_token(other), secret, "\ud800"))
    assert secret not in token
    assert len(token) == 43


def test_waits_double_up_to_the_longest():
    patience = Patience(free=3, longest=timedelta(seconds=30))
    assert [patience.wait(count).total_seconds() for count in range(10)] == [0, 0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert patience.wait(10_000_000) == timedelta(seconds=30)


def test_members_do_not_manage():
    assert Role.OWNER.scopes == Role.ADMIN.scopes == set(Scope)
    assert Role.MEMBER.scopes == {Scope.GENERATE, Scope.READ}


@pytest.mark.parametrize(
    ("text", "email"), [(" Anna@Example.ORG ", "anna@example.org"), ("a@b", "a@b"), ("ä+b@münchen.de", "ä+b@münchen.de")]
)
def test_addresses_are_compared_in_lower_case(text, email):
    assert checked_email(text) == email


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "a b@c", "a@b@c", "a@b\r\nBcc: x", "<a@b>", "a" * 250 + "@b.example"])
def test_what_is_no_address(text):
    with pytest.raises(InvalidOptions):
        checked_email(text)


@pytest.mark.parametrize("text", ["", "  ", "a" * 101, "bell\x07", "\u202eevil"])
def test_what_is_no_name(text):
    with pytest.raises(InvalidOptions):
        checked_name(text)


def test_a_name_may_look_like_markup():
    assert checked_name("  <script>   x </script> ") == "<script> x </script>"
    assert (
        checked_name("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}")
        == "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"
    )


@pytest.mark.parametrize("text", ["a\N{ZERO WIDTH SPACE}b", "\N{RIGHT-TO-LEFT OVERRIDE}evil", "a\0"])
def test_names_can_be_seen(text):
    with pytest.raises(InvalidOptions, match="cannot be seen"):
        checked_name(text)
