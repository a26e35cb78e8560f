"""Users and their memberships in a SQL database."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.accounts.users import Member, User
from spark_avatar.database.dialects import insert_if_missing, one_at_a_time
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import accounts, memberships, sessions, tokens, users
from spark_avatar.errors import Conflict, NotFound
from spark_avatar.schemas.identity import AccountId

_OWNERS_LOCK: Final = 7_223_911_405_613
"""PostgreSQL's lock that changes of owners take: two owners who remove each other at once must not both succeed."""
_LAST_OWNER = "A workspace needs an owner who can sign in: make another member an owner first."

_user, _membership = users.c, memberships.c
member_columns = (
    _user.id.label("user_id"),
    _user.email,
    _user.name,
    _user.operator,
    _user.created_at.label("user_created_at"),
    _user.disabled_at,
    _membership.role,
    _membership.created_at.label("member_since"),
    _membership.account_id,
    accounts.c.name.label("account_name"),
)
_MEMBERS = (
    select(*member_columns)
    .select_from(users)
    .join(memberships, _membership.user_id == _user.id)
    .join(accounts, accounts.c.id == _membership.account_id)
    .order_by(_membership.created_at, _user.id)
)


class SqlUserStore:
    """A `UserStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def any(self) -> bool:
        """Whether there is any user."""
        with reading(self._engine) as connection:
            return bool(connection.execute(select(exists().select_from(users))).scalar_one())

    def add(
        self, email: str, name: str, password_hash: str | None, *, account: str, role: Role, operator: bool = False
    ) -> Member:
        """A new user in a workspace, which is made where there is none. Raises `Conflict` where the address is taken."""
        user = User(uuid.uuid4().hex, email, name, operator, self._clock())
        try:
            with writing(self._engine) as connection:
                add_user(connection, user, password_hash)
                return add_member(connection, user, account, role, self._clock())
        except IntegrityError:
            raise Conflict(f"There is a user {email} already.") from None

    def find(self, email: str) -> tuple[User, str | None] | None:
        """The user with this address, and the hash of the password."""
        with reading(self._engine) as connection:
            row = connection.execute(select(users).where(_user.email == email)).one_or_none()
        return None if row is None else (_user_of(row), row.password_hash)

    def get(self, user_id: str) -> tuple[User, str | None]:
        """The user, and the hash of the password; raises `NotFound`."""
        with reading(self._engine) as connection:
            row = connection.execute(select(users).where(_user.id == user_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such user.")
        return _user_of(row), row.password_hash

    def all(self) -> list[Member]:
        """All users with all their memberships, the oldest first."""
        with reading(self._engine) as connection:
            return [member_of(row) for row in connection.execute(_MEMBERS)]

    def workspaces(self, user_id: str) -> list[Member]:
        """The user's memberships, the oldest first."""
        with reading(self._engine) as connection:
            return [member_of(row) for row in connection.execute(_MEMBERS.where(_user.id == user_id))]

    def members(self, account: str) -> list[Member]:
        """The members of a workspace, the oldest first."""
        with reading(self._engine) as connection:
            return [member_of(row) for row in connection.execute(_MEMBERS.where(_membership.account_id == account))]

    def set_role(self, account: str, user_id: str, role: Role) -> Member:
        """Raises `NotFound` for who is no member, `Conflict` where the workspace would be left without an owner."""
        with writing(self._engine) as connection:
            one_at_a_time(connection, _OWNERS_LOCK)
            member = _member(connection, account, user_id)
            connection.execute(update(memberships).where(*_is(account, user_id)).values(role=role))
            if member.role is Role.OWNER:
                _need_owner(connection, account)
            return _member(connection, account, user_id)

    def remove(self, account: str, user_id: str) -> None:
        """Ends a membership, with its sessions and tokens in this workspace; raises as `set_role`."""
        with writing(self._engine) as connection:
            one_at_a_time(connection, _OWNERS_LOCK)
            member = _member(connection, account, user_id)
            connection.execute(delete(memberships).where(*_is(account, user_id)))
            for table in (sessions, tokens):  # who comes back one day signs in anew
                connection.execute(delete(table).where(table.c.account_id == account, table.c.user_id == user_id))
            if member.role is Role.OWNER:
                _need_owner(connection, account)

    def set_password(self, user_id: str, password_hash: str) -> None:
        """Replaces the password."""
        with writing(self._engine) as connection:
            connection.execute(update(users).where(_user.id == user_id).values(password_hash=password_hash))

    def set_disabled(self, user_id: str, disabled: bool) -> None:
        """Whether the user is kept from signing in; raises `NotFound`, and `Conflict` where a workspace would be left without
        an owner.
        """
        with writing(self._engine) as connection:
            one_at_a_time(connection, _OWNERS_LOCK)
            changed = update(users).where(_user.id == user_id).values(disabled_at=self._clock() if disabled else None)
            if connection.execute(changed).rowcount == 0:
                raise NotFound("There is no such user.")
            owned = select(_membership.account_id).where(_membership.user_id == user_id, _membership.role == Role.OWNER)
            if disabled:
                accounts_owned: Sequence[str] = connection.execute(owned).scalars().all()
                for account in accounts_owned:
                    _need_owner(connection, account)


def add_user(connection: Connection, user: User, password_hash: str | None) -> None:
    """A new user; raises SQLAlchemy's `IntegrityError` where the address is taken."""
    connection.execute(insert(users), {**vars(user), "password_hash": password_hash})


def add_member(connection: Connection, user: User, account: str, role: Role, now: datetime) -> Member:
    """Makes the user a member of a workspace, which is made where there is none. Who is a member already keeps the role."""
    connection.execute(insert_if_missing(connection, accounts), {"id": account, "created_at": now})
    membership = {"account_id": account, "user_id": user.id, "role": role, "created_at": now}
    connection.execute(insert_if_missing(connection, memberships), membership)
    return _member(connection, account, user.id)


def member_of(row: Row[Any]) -> Member:
    """From a row that has the `member_columns`."""
    user = User(row.user_id, row.email, row.name, row.operator, row.user_created_at, row.disabled_at)
    return Member(user, AccountId(row.account_id), row.account_name, Role(row.role), row.member_since)


def _user_of(row: Row[Any]) -> User:
    return User(row.id, row.email, row.name, row.operator, row.created_at, row.disabled_at)


def _is(account: str, user_id: str) -> tuple[Any, Any]:
    return _membership.account_id == account, _membership.user_id == user_id


def _member(connection: Connection, account: str, user_id: str) -> Member:
    row = connection.execute(_MEMBERS.where(*_is(account, user_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such member.")
    return member_of(row)


def _need_owner(connection: Connection, account: str) -> None:
    """Raises `Conflict`, which undoes the transaction."""
    owners = (
        select(func.count())
        .select_from(memberships)
        .join(users, _user.id == _membership.user_id)
        .where(_membership.account_id == account, _membership.role == Role.OWNER, _user.disabled_at.is_(None))
    )
    if connection.execute(owners).scalar_one() == 0:
        raise Conflict(_LAST_OWNER)
