"""Invitations in a SQL database."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from spark_avatar.accounts.bearer_secrets import INVITATION_MARK, hash_of, is_secret, new_secret
from spark_avatar.accounts.invitations import Invitation, NewUser
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.accounts.sql.users import add_member, add_user
from spark_avatar.accounts.users import Member, User
from spark_avatar.database.dialects import insert_if_missing, one_at_a_time
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import accounts, invitations, memberships, users
from spark_avatar.errors import Conflict, NotFound
from spark_avatar.schemas.identity import AccountId

_FIRST_USER_LOCK: Final = 7_223_911_405_614
"""PostgreSQL's lock that the first user takes: there is one."""
_GONE = "The invitation is unknown, or was used or withdrawn, or has expired: ask for another one."

_invitation = invitations.c
_shown = [column for column in _invitation if column.name != "secret_hash"]
_IS_WELCOME: Final = and_(_invitation.email.is_(None), _invitation.accepted_at.is_(None))


class SqlInvitationStore:
    """An `InvitationStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self, account: str, email: str, role: Role, *, invited_by: str | None, expires_at: datetime
    ) -> tuple[Invitation, str]:
        """A new invitation and its code. Raises `Conflict` where the address belongs to a member already. An earlier
        invitation of the address to this workspace is withdrawn.
        """
        is_member = (
            exists()
            .select_from(memberships)
            .where(memberships.c.account_id == account, memberships.c.user_id == users.c.id, users.c.email == email)
        )
        earlier = delete(invitations).where(
            _invitation.account_id == account, _invitation.email == email, _invitation.accepted_at.is_(None)
        )
        with writing(self._engine) as connection:
            if connection.execute(select(is_member)).scalar_one():
                raise Conflict(f"{email} is a member already.")
            connection.execute(earlier)
            return self._add(connection, account, email, role, operator=False, invited_by=invited_by, expires_at=expires_at)

    def welcome(self, account: str, *, expires_at: datetime) -> str | None:
        """The code that makes its bearer the first user, who owns the workspace and runs the server; None where there is a
        user already. Codes given out before are withdrawn.
        """
        with writing(self._engine) as connection:
            connection.execute(delete(invitations).where(_IS_WELCOME))
            if _has_users(connection):
                return None
            _, code = self._add(connection, account, None, Role.OWNER, operator=True, invited_by=None, expires_at=expires_at)
        return code

    def find(self, code: str) -> Invitation:
        """The open invitation of this code; raises `NotFound` when it is unknown, withdrawn, used or expired."""
        if not is_secret(code, INVITATION_MARK):
            raise NotFound(_GONE)
        with reading(self._engine) as connection:
            row = connection.execute(
                select(*_shown).where(_invitation.secret_hash == hash_of(code), self._is_open())
            ).one_or_none()
            if row is None or (row.email is None and _has_users(connection)):
                raise NotFound(_GONE)
        return _invitation_of(row)

    def accept(self, code: str, who: User | NewUser) -> Member:
        """Makes somebody a member, once; a member already keeps the role. Raises `NotFound` as `find`, also for the link of the
        first start when there is a user by now; `Conflict` where a new user's address is taken.
        """
        accepted = self._accept(_invitation.secret_hash == hash_of(code), who)
        if not accepted:
            raise NotFound(_GONE)
        return accepted[0][1]

    def accept_invited(self, who: User | NewUser) -> list[tuple[Invitation, Member]]:
        """Makes somebody a member by all open invitations of their address, which has been proven otherwise; what came of each,
        the newest first. Where there are none, nothing is done. Raises `Conflict` as `accept`.
        """
        return self._accept(_invitation.email == who.email, who)

    def _accept(self, which: ColumnElement[bool], who: User | NewUser) -> list[tuple[Invitation, Member]]:
        now = self._clock()
        user_id = who.id if isinstance(who, User) else uuid.uuid4().hex
        use = update(invitations).where(which, self._is_open()).values(accepted_at=now, accepted_by=user_id).returning(*_shown)
        try:
            with writing(self._engine) as connection:
                used = [_invitation_of(row) for row in connection.execute(use)]
                used.sort(key=lambda invitation: invitation.created_at, reverse=True)
                if not used:
                    return []
                if used[0].email is None:  # the link of the first start, which is one alone
                    one_at_a_time(connection, _FIRST_USER_LOCK)
                    if _has_users(connection):
                        raise NotFound(_GONE)
                user = who if isinstance(who, User) else User(user_id, who.email, who.name, used[0].operator, now)
                if isinstance(who, NewUser):
                    add_user(connection, user, who.password_hash)
                return [(one, add_member(connection, user, one.account_id, one.role, now)) for one in used]
        except IntegrityError:
            raise Conflict("There is a user of this address already: sign in with it to accept.") from None

    def open(self, account: str) -> list[Invitation]:
        """The workspace's open invitations, the newest first."""
        query = (
            select(*_shown)
            .where(_invitation.account_id == account, _invitation.email.is_not(None), self._is_open())
            .order_by(_invitation.created_at.desc(), _invitation.id)
        )
        with reading(self._engine) as connection:
            return [_invitation_of(row) for row in connection.execute(query)]

    def withdraw(self, invitation_id: str, account: str) -> Invitation:
        """Ends an open invitation; raises `NotFound`."""
        mine = (_invitation.id == invitation_id, _invitation.account_id == account, _invitation.email.is_not(None))
        with writing(self._engine) as connection:
            row = connection.execute(delete(invitations).where(*mine, self._is_open()).returning(*_shown)).one_or_none()
        if row is None:
            raise NotFound("There is no such invitation.")
        return _invitation_of(row)

    def sweep(self) -> int:
        """Forgets invitations that have expired unused; returns how many."""
        old = delete(invitations).where(_invitation.expires_at <= self._clock(), _invitation.accepted_at.is_(None))
        with writing(self._engine) as connection:
            return connection.execute(old).rowcount

    def _is_open(self) -> ColumnElement[bool]:
        return and_(_invitation.accepted_at.is_(None), _invitation.expires_at > self._clock())

    def _add(
        self,
        connection: Connection,
        account: str,
        email: str | None,
        role: Role,
        *,
        operator: bool,
        invited_by: str | None,
        expires_at: datetime,
    ) -> tuple[Invitation, str]:
        code, now = new_secret(INVITATION_MARK), self._clock()
        invitation = Invitation(
            id=uuid.uuid4().hex,
            account_id=AccountId(account),
            email=email,
            role=role,
            operator=operator,
            invited_by=invited_by,
            created_at=now,
            expires_at=expires_at,
        )
        connection.execute(insert_if_missing(connection, accounts), {"id": account, "created_at": now})
        connection.execute(insert(invitations), {**vars(invitation), "secret_hash": hash_of(code)})
        return invitation, code


def _has_users(connection: Connection) -> bool:
    return bool(connection.execute(select(exists().select_from(users))).scalar_one())


def _invitation_of(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        account_id=AccountId(row.account_id),
        email=row.email,
        role=Role(row.role),
        operator=row.operator,
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
    )
