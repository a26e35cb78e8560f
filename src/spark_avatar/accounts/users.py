"""Users: people who sign in, and the workspaces that they belong to."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from spark_avatar.accounts.roles import Role
from spark_avatar.errors import InvalidOptions
from spark_avatar.schemas.identity import AccountId

_ACCOUNT_FORM: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_EMAIL_FORM: Final = re.compile(r"[^@\s\x00-\x1f<>\"]+@[^@\s\x00-\x1f<>\"]+")
_LONGEST_EMAIL: Final = 254
"""RFC 5321, 4.5.3.1.3."""
_LONGEST_NAME: Final = 100
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
"""Makes one picture of several emoji: not seen itself."""


@dataclass(frozen=True)
class User:
    """A person. Times are in UTC."""

    id: str
    email: str
    name: str
    operator: bool
    """Runs the server."""
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True)
class Member:
    """A user in a workspace."""

    user: User
    account_id: AccountId
    account_name: str | None
    role: Role
    since: datetime


class UserStore(Protocol):
    """Keeps users and their memberships."""

    def any(self) -> bool:
        """Whether there is any user."""
        ...

    def add(
        self, email: str, name: str, password_hash: str | None, *, account: str, role: Role, operator: bool = False
    ) -> Member:
        """A new user in a workspace, which is made where there is none. Raises `Conflict` where the address is taken."""
        ...

    def find(self, email: str) -> tuple[User, str | None] | None:
        """The user with this address, and the hash of the password."""
        ...

    def get(self, user_id: str) -> tuple[User, str | None]:
        """The user, and the hash of the password; raises `NotFound`."""
        ...

    def all(self) -> list[Member]:
        """All users with all their memberships, the oldest first."""
        ...

    def workspaces(self, user_id: str) -> list[Member]:
        """The user's memberships, the oldest first."""
        ...

    def members(self, account: str) -> list[Member]:
        """The members of a workspace, the oldest first."""
        ...

    def set_role(self, account: str, user_id: str, role: Role) -> Member:
        """Raises `NotFound` for who is no member, `Conflict` where the workspace would be left without an owner."""
        ...

    def remove(self, account: str, user_id: str) -> None:
        """Ends a membership, with its sessions and tokens in this workspace; raises as `set_role`."""
        ...

    def set_password(self, user_id: str, password_hash: str) -> None:
        """Replaces the password."""
        ...

    def set_disabled(self, user_id: str, disabled: bool) -> None:
        """Whether the user is kept from signing in; raises `NotFound`, and `Conflict` where a workspace would be left without
        an owner.
        """
        ...


def checked_account(text: str) -> AccountId:
    """The id of a workspace, which also names folders; raises `InvalidOptions`."""
    if not _ACCOUNT_FORM.fullmatch(text):
        raise InvalidOptions("An account is 1-64 letters, digits, `.`, `_` or `-`, and does not start with a `.`.")
    return AccountId(text)


def checked_email(text: str) -> str:
    """An e-mail address in lower case, so that one address is one user; raises `InvalidOptions`."""
    email = text.strip().lower()
    if len(email) > _LONGEST_EMAIL or not _EMAIL_FORM.fullmatch(email):
        raise InvalidOptions("`email` must be an e-mail address.")
    return email


def checked_name(text: str) -> str:
    """What a person or a thing is called; raises `InvalidOptions` for a name that is empty, very long, or not to be seen."""
    name = " ".join(text.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        raise InvalidOptions(f"`name` must have 1 to {_LONGEST_NAME} characters.")
    if not name.replace(_JOINER, "").isprintable():
        raise InvalidOptions("`name` must not have characters that cannot be seen.")
    return name
