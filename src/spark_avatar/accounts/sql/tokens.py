"""Tokens in a SQL database."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from spark_avatar.accounts.bearer_secrets import hash_of, is_secret
from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.accounts.tokens import ACCESS_LIFE, ACCESS_MARK, REFRESH_LIFE, REFRESH_MARK, TokenPair, new_pair
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import memberships, tokens, users
from spark_avatar.errors import NotAuthenticated
from spark_avatar.schemas.identity import AccountId

_token = tokens.c
_ACCESS, _REFRESH = "access", "refresh"
_REFUSED = "The token is unknown, expired or revoked: refresh it, or log in again."

_OF_MEMBERS = (
    select(_token.user_id, _token.account_id, memberships.c.role, users.c.name, users.c.operator)
    .join(users, users.c.id == _token.user_id)
    .join(memberships, (memberships.c.user_id == _token.user_id) & (memberships.c.account_id == _token.account_id))
    .where(users.c.disabled_at.is_(None))
)


class SqlTokenStore:
    """A `TokenStore` on SQLite or PostgreSQL, for any number of threads and servers."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def issue(self, *, user_id: str, account_id: AccountId) -> TokenPair:
        """The first pair of a login. Raises `NotAuthenticated` where the user is disabled, or no member of the account."""
        member = (memberships.c.user_id == user_id, memberships.c.account_id == account_id, users.c.disabled_at.is_(None))
        is_member = select(memberships.c.role).join(users, users.c.id == memberships.c.user_id).where(*member)
        with writing(self._engine) as connection:
            if connection.execute(is_member).one_or_none() is None:
                raise NotAuthenticated("The user may not use this account any more.")
            return self._issue(connection, family=uuid.uuid4().hex, user_id=user_id, account_id=account_id)

    def authenticate(self, access_token: str) -> Caller:
        """The user it stands for. Raises `NotAuthenticated` where it is unknown, expired or revoked, and where the user has
        been disabled or is no member of the account any more.
        """
        if not is_secret(access_token, ACCESS_MARK):
            raise NotAuthenticated(_REFUSED)
        live = _OF_MEMBERS.where(
            _token.secret_hash == hash_of(access_token),
            _token.kind == _ACCESS,
            _token.expires_at > self._clock(),
            _token.revoked_at.is_(None),
        )
        with reading(self._engine) as connection:
            row = connection.execute(live).one_or_none()
        if row is None:
            raise NotAuthenticated(_REFUSED)
        role = Role(row.role)
        return Caller(
            account_id=AccountId(row.account_id),
            key_id=f"token:{row.user_id}",
            key_name=row.name,
            scopes=role.scopes,
            user_id=row.user_id,
            role=role,
            operator=row.operator,
        )

    def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair; the token is used up. Raises `NotAuthenticated`; a token that was used before ends its whole login."""
        if not is_secret(refresh_token, REFRESH_MARK):
            raise NotAuthenticated(_REFUSED)
        hashed, now = hash_of(refresh_token), self._clock()
        this = (_token.secret_hash == hashed, _token.kind == _REFRESH)
        live = (*this, _token.used_at.is_(None), _token.revoked_at.is_(None), _token.expires_at > now)
        pair: TokenPair | None = None
        with writing(self._engine) as connection:
            # Of several uses at the same moment one finds it unused; the others are what a thief's use would be.
            use = update(tokens).where(*live).values(used_at=now).returning(_token.family)
            family = connection.execute(use).scalar_one_or_none()
            if family is not None:
                holder = connection.execute(_OF_MEMBERS.where(_token.secret_hash == hashed)).one_or_none()
                if holder is not None:
                    account_id = AccountId(holder.account_id)
                    pair = self._issue(connection, family=family, user_id=holder.user_id, account_id=account_id)
        if family is None:
            # In a transaction of its own: PostgreSQL has locked the token of those who waited for the one, out of turn.
            with writing(self._engine) as connection:
                _end_families(connection, [*this, _token.used_at.is_not(None)], now)
        if pair is None:
            raise NotAuthenticated(_REFUSED)
        return pair

    def revoke(self, token: str) -> None:
        """Ends the login that the token, of either kind, came from; nothing happens for an unknown one."""
        with writing(self._engine) as connection:
            _end_families(connection, [_token.secret_hash == hash_of(token)], self._clock())

    def end_user(self, user_id: str) -> None:
        """Ends all logins of the user."""
        with writing(self._engine) as connection:
            _revoke(connection, _token.user_id == user_id, self._clock())

    def forget(self, *, expired_before: datetime) -> int:
        """Removes tokens that expired before the moment; returns how many."""
        with writing(self._engine) as connection:
            return connection.execute(delete(tokens).where(_token.expires_at < expired_before)).rowcount

    def _issue(self, connection: Connection, *, family: str, user_id: str, account_id: AccountId) -> TokenPair:
        pair, now = new_pair(), self._clock()
        shared = {"family": family, "user_id": user_id, "account_id": account_id, "created_at": now}
        rows = [
            {**shared, "secret_hash": hash_of(pair.access_token), "kind": _ACCESS, "expires_at": now + ACCESS_LIFE},
            {**shared, "secret_hash": hash_of(pair.refresh_token), "kind": _REFRESH, "expires_at": now + REFRESH_LIFE},
        ]
        connection.execute(insert(tokens), rows)
        return pair


def _end_families(connection: Connection, which: list[Any], now: datetime) -> None:
    family = select(_token.family).where(*which).scalar_subquery()
    _revoke(connection, _token.family == family, now)


def _revoke(connection: Connection, of: ColumnElement[bool], now: datetime) -> None:
    live = (of, _token.revoked_at.is_(None))
    # In one order, so that of two who do this at once neither waits for a row that the other has.
    connection.execute(select(_token.secret_hash).where(*live).order_by(_token.secret_hash).with_for_update())
    connection.execute(update(tokens).where(*live).values(revoked_at=now))
