"""Sessions in a SQL database."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Row, and_, bindparam, delete, insert, or_, select, update

from spark_avatar.accounts.bearer_secrets import SESSION_MARK, hash_of, is_secret, new_secret
from spark_avatar.accounts.sessions import Session, SessionLife, SignedIn
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.accounts.sql.users import member_columns, member_of
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.patience import unless_full
from spark_avatar.database.schema import accounts, memberships, sessions, users
from spark_avatar.errors import NotAuthenticated
from spark_avatar.schemas.identity import AccountId

_SEEN_GRAIN: Final = timedelta(minutes=1)
"""How exactly the last request is known: a write on every request would cost more than the fact is worth."""
_LONGEST_AGENT: Final = 200
_OVER = "The session has ended: sign in again."

_session = sessions.c
_columns = [column.label(f"session_{column.name}") for column in _session if column.name != "secret_hash"]
_BY_SECRET = (
    select(*_columns, *member_columns)
    .select_from(sessions)
    .join(users, users.c.id == _session.user_id)
    .join(memberships, and_(memberships.c.user_id == _session.user_id, memberships.c.account_id == _session.account_id))
    .join(accounts, accounts.c.id == _session.account_id)
    .where(_session.secret_hash == bindparam("the_hash"), users.c.disabled_at.is_(None))
)


class SqlSessionStore:
    """A `SessionStore` on SQLite or PostgreSQL. Nothing is cached: a session that has ended is refused by the next request."""

    def __init__(self, engine: Engine, life: SessionLife, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._life = life
        self._clock = clock

    def open(self, user_id: str, account: str, *, address: str, user_agent: str) -> tuple[Session, str]:
        """A new session and its secret, for the cookie."""
        secret, now = new_secret(SESSION_MARK), self._clock()
        session = Session(
            id=uuid.uuid4().hex,
            user_id=user_id,
            account_id=AccountId(account),
            created_at=now,
            expires_at=now + self._life.longest,
            seen_at=now,
            address=address,
            user_agent=user_agent[:_LONGEST_AGENT],
        )
        with writing(self._engine) as connection:
            connection.execute(insert(sessions), {**vars(session), "secret_hash": hash_of(secret)})
        return session, secret

    def find(self, secret: str) -> SignedIn:
        """The live session of this secret. Raises `NotAuthenticated` when it is unknown, ended or expired, and when the user
        has been disabled or is no member of the workspace any more.
        """
        if not is_secret(secret, SESSION_MARK):
            raise NotAuthenticated(_OVER)
        with reading(self._engine) as connection:
            row = connection.execute(_BY_SECRET, {"the_hash": hash_of(secret)}).one_or_none()
        now = self._clock()
        if row is None or now >= row.session_expires_at or now >= row.session_seen_at + self._life.idle:
            raise NotAuthenticated(_OVER)
        if row.session_seen_at < now - _SEEN_GRAIN:
            with unless_full(), writing(self._engine) as connection:
                connection.execute(update(sessions).where(_session.id == row.session_id).values(seen_at=now))
        return SignedIn(_session_of(row), member_of(row))

    def move(self, session_id: str, account: str) -> None:
        """Lets the user look at another workspace."""
        with writing(self._engine) as connection:
            connection.execute(update(sessions).where(_session.id == session_id).values(account_id=account))

    def end(self, session_id: str, user_id: str) -> bool:
        """Ends one session of the user; whether there was one."""
        with writing(self._engine) as connection:
            ended = delete(sessions).where(_session.id == session_id, _session.user_id == user_id)
            return connection.execute(ended).rowcount > 0

    def end_all(self, user_id: str, *, but: str | None = None) -> int:
        """Ends all sessions of the user, one may be left out; returns how many."""
        ended = delete(sessions).where(_session.user_id == user_id)
        if but is not None:
            ended = ended.where(_session.id != but)
        with writing(self._engine) as connection:
            return connection.execute(ended).rowcount

    def of_user(self, user_id: str) -> list[Session]:
        """The user's live sessions, the newest first."""
        now = self._clock()
        live = (_session.user_id == user_id, ~self._is_over(now))
        query = select(*_columns).where(*live).order_by(_session.created_at.desc(), _session.id)
        with reading(self._engine) as connection:
            return [_session_of(row) for row in connection.execute(query)]

    def sweep(self) -> int:
        """Forgets sessions that have expired; returns how many."""
        with writing(self._engine) as connection:
            return connection.execute(delete(sessions).where(self._is_over(self._clock()))).rowcount

    def _is_over(self, now: datetime) -> ColumnElement[bool]:
        return or_(_session.expires_at <= now, _session.seen_at <= now - self._life.idle)


def _session_of(row: Row[Any]) -> Session:
    return Session(
        id=row.session_id,
        user_id=row.session_user_id,
        account_id=AccountId(row.session_account_id),
        created_at=row.session_created_at,
        expires_at=row.session_expires_at,
        seen_at=row.session_seen_at,
        address=row.session_address,
        user_agent=row.session_user_agent,
    )
