"""API keys in a SQL database."""

import hmac
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, Row, bindparam, insert, or_, select, update

from spark_avatar.accounts.keys import ApiKey, Caller, hash_of, is_secret, new_secret, prefix_of
from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import accounts, api_keys
from spark_avatar.errors import InvalidOptions, NotAuthenticated
from spark_avatar.schemas.identity import AccountId

_ACCOUNT_FORM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_USE_GRAIN: Final = timedelta(minutes=1)
"""How exactly the last use is known: a write on every request would cost more than the fact is worth."""

_key = api_keys.c
_shown = (_key.id, _key.name, _key.prefix, _key.account_id, _key.created_at, _key.last_used_at, _key.revoked_at)

_LIVE_BY_PREFIX = select(*_shown, _key.secret_hash).where(_key.prefix == bindparam("the_prefix"), _key.revoked_at.is_(None))

_TOUCH = (
    update(api_keys)
    .where(_key.id == bindparam("the_id"), or_(_key.last_used_at.is_(None), _key.last_used_at < bindparam("the_grain_ago")))
    .values(last_used_at=bindparam("the_now"))
)


def _now() -> datetime:
    return datetime.now(UTC)


class SqlKeyStore:
    """A `KeyStore` on SQLite or PostgreSQL. Nothing is cached: a key revoked by another process is refused by the next
    request.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock

    def create(self, name: str, *, account: str = "default") -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once and kept nowhere. Makes the account where there is none.
        Raises `InvalidOptions` for an empty name, or an account that is not 1-64 letters, digits, `.`, `_` or `-`.
        """
        if not name.strip():
            raise InvalidOptions("A key needs a name, so that you can tell it from others.")
        if not _ACCOUNT_FORM.fullmatch(account):
            raise InvalidOptions("An account is 1-64 letters, digits, `.`, `_` or `-`, and does not start with a `.`.")
        secret = new_secret()
        key = ApiKey(
            id=uuid.uuid4().hex,
            name=name.strip(),
            prefix=prefix_of(secret),
            account_id=AccountId(account),
            created_at=self._clock(),
        )
        row = {**vars(key), "secret_hash": hash_of(secret)}
        with writing(self._engine) as connection:
            connection.execute(insert_if_missing(connection, accounts), {"id": account, "created_at": key.created_at})
            connection.execute(insert(api_keys), row)
        return key, secret

    def authenticate(self, secret: str) -> Caller:
        """Whose secret this is; raises `NotAuthenticated` when it is unknown or revoked."""
        if not is_secret(secret):
            raise NotAuthenticated
        with reading(self._engine) as connection:
            candidates = connection.execute(_LIVE_BY_PREFIX, {"the_prefix": prefix_of(secret)}).all()
        # The database looks up what is no secret, the prefix; the secret's hash is compared in constant time, so that
        # the time of a refusal tells nothing about it.
        hashed = hash_of(secret)
        key = next((row for row in candidates if hmac.compare_digest(row.secret_hash, hashed)), None)
        if key is None:
            raise NotAuthenticated
        self._note_use(key)
        return Caller(account_id=AccountId(key.account_id), key_id=key.id, key_name=key.name)

    def revoke(self, id_or_prefix_or_name: str) -> list[ApiKey]:
        """Ends every live key that has this id, prefix or name, at once; returns those ended. Empty when there is none."""
        word = id_or_prefix_or_name
        meant = or_(_key.id == word, _key.prefix == word, _key.name == word)
        ended = update(api_keys).where(meant, _key.revoked_at.is_(None)).values(revoked_at=self._clock()).returning(*_shown)
        with writing(self._engine) as connection:
            rows = connection.execute(ended).all()
        return sorted((_key_of(row) for row in rows), key=lambda key: key.created_at)

    def list(self, account: str | None = None) -> "list[ApiKey]":
        """The account's keys, or all, oldest first, revoked ones too."""
        query = select(*_shown).order_by(_key.created_at, _key.id)
        if account is not None:
            query = query.where(_key.account_id == account)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [_key_of(row) for row in rows]

    def _note_use(self, key: Row[Any]) -> None:
        now = self._clock()
        if key.last_used_at is not None and key.last_used_at >= now - _USE_GRAIN:
            return
        with writing(self._engine) as connection:
            connection.execute(_TOUCH, {"the_id": key.id, "the_now": now, "the_grain_ago": now - _USE_GRAIN})


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(**row._mapping)
