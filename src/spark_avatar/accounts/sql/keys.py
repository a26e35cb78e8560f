"""API keys in a SQL database."""

import hmac
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, or_, select, update

from spark_avatar.accounts.bearer_secrets import KEY_MARK, hash_of, is_secret, new_secret, prefix_of
from spark_avatar.accounts.keys import ApiKey, Caller, KeyTerms
from spark_avatar.accounts.roles import USUAL_SCOPES, Scope
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.accounts.users import checked_account
from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.patience import unless_full
from spark_avatar.database.schema import accounts, api_keys, key_spending
from spark_avatar.errors import InvalidOptions, NotAuthenticated, NotFound
from spark_avatar.schemas.identity import AccountId

_USE_GRAIN: Final = timedelta(minutes=1)
"""How exactly the last use is known: a write on every request would cost more than the fact is worth."""

_key = api_keys.c
_shown = [column for column in _key if column.name != "secret_hash"]

_BY_PREFIX = select(*_shown, _key.secret_hash).where(_key.prefix == bindparam("the_prefix"))

_TOUCH = (
    update(api_keys)
    .where(_key.id == bindparam("the_id"), or_(_key.last_used_at.is_(None), _key.last_used_at < bindparam("the_grain_ago")))
    .values(last_used_at=bindparam("the_now"), last_used_address=bindparam("the_address"))
)

RefusalListener = Callable[[ApiKey, str, str], None]
"""Is told of a key that was right once, why it is refused (`revoked` or `expired`), and the address that showed it."""


def _nobody(_key: ApiKey, _reason: str, _address: str) -> None:
    pass


class SqlKeyStore:
    """A `KeyStore` on SQLite or PostgreSQL. Nothing is cached: a key revoked by another process is refused by the next
    request.
    """

    def __init__(self, engine: Engine, *, clock: Clock = utc_now, on_refusal: RefusalListener = _nobody) -> None:
        self._engine = engine
        self._clock = clock
        self._on_refusal = on_refusal

    def create(
        self, name: str, *, account: str = "default", terms: KeyTerms | None = None, created_by: str | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once and kept nowhere. Makes the account where there is none.
        Raises `InvalidOptions` for an empty name, or an account that is not 1-64 letters, digits, `.`, `_` or `-`.
        """
        if not name.strip():
            raise InvalidOptions("A key needs a name, so that you can tell it from others.")
        key, secret = self._new(name.strip(), checked_account(account), terms or KeyTerms(), created_by)
        with writing(self._engine) as connection:
            connection.execute(insert_if_missing(connection, accounts), {"id": account, "created_at": key.created_at})
            _add(connection, key, secret)
        return key, secret

    def authenticate(self, secret: str, address: str = "") -> Caller:
        """Whose secret this is, used from this address; raises `NotAuthenticated` when it is unknown, revoked or expired."""
        if not is_secret(secret, KEY_MARK):
            raise NotAuthenticated
        with reading(self._engine) as connection:
            candidates = connection.execute(_BY_PREFIX, {"the_prefix": prefix_of(secret)}).all()
        # The database looks up what is no secret, the prefix; the secret's hash is compared in constant time, so that
        # the time of a refusal tells nothing about it.
        hashed = hash_of(secret)
        row = next((row for row in candidates if hmac.compare_digest(row.secret_hash, hashed)), None)
        if row is None:
            raise NotAuthenticated
        key, now = _key_of(row), self._clock()
        if not key.is_live(now):
            self._on_refusal(key, "revoked" if key.revoked_at is not None else "expired", address)
            raise NotAuthenticated
        self._note_use(key, address, now)
        return Caller(
            account_id=key.account_id,
            key_id=key.id,
            key_name=key.name,
            scopes=key.terms.scopes,
            models=key.terms.models,
            rate_limit=key.terms.rate_limit,
        )

    def get(self, key_id: str, account: str) -> ApiKey:
        """The account's key; raises `NotFound`."""
        with reading(self._engine) as connection:
            return _get(connection, key_id, account)

    def change(self, key_id: str, account: str, changed: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Gives a live key the name and the terms that `changed` makes of it, while nobody else ends or changes it. Raises
        `NotFound`, also for one that has been revoked, and whatever `changed` raises.
        """
        with writing(self._engine) as connection:
            key = _get(connection, key_id, account, lock=True)
            if key.revoked_at is not None:
                raise NotFound("The API key has been revoked: create another one.")
            new = changed(key)
            connection.execute(update(api_keys).where(_key.id == key_id).values(name=new.name, **_columns_of(new.terms)))
        return new

    def rotate(self, key_id: str, account: str, *, grace: timedelta, created_by: str | None = None) -> tuple[ApiKey, str]:
        """A new key on the terms of this one, which ends when the grace is over; both count against one budget. Raises `NotFound`
        for a key that is not live, or was rotated before.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            old = _get(connection, key_id, account, lock=True)
            known: str | None = connection.execute(select(_key.lineage).where(_key.id == key_id)).scalar_one()
            lineage = key_id if known is None else known
            if not old.is_live(now) or old.rotated_to is not None:
                raise NotFound("The API key is not in use any more, or was rotated before.")
            new, secret = self._new(old.name, old.account_id, old.terms, created_by)
            _add(connection, new, secret)
            end = now + grace
            if old.terms.expires_at is not None:
                end = min(end, old.terms.expires_at)
            leaving = {"rotated_to": new.id, "expires_at": end} if grace else {"rotated_to": new.id, "revoked_at": now}
            connection.execute(update(api_keys).where(_key.id == key_id), leaving)
            connection.execute(update(api_keys).where(_key.id.in_((key_id, new.id))).values(lineage=lineage))
        return new, secret

    def end(self, key_id: str, account: str) -> bool:
        """Ends the account's key of this id at once; whether it was live."""
        this = (_key.id == key_id, _key.account_id == account, _key.revoked_at.is_(None))
        with writing(self._engine) as connection:
            return connection.execute(update(api_keys).where(*this).values(revoked_at=self._clock())).rowcount > 0

    def revoke(self, id_or_prefix_or_name: str) -> list[ApiKey]:
        """Ends every live key that has this id, prefix or name, at once; returns those ended. Empty when there is none."""
        word = id_or_prefix_or_name
        meant = [or_(_key.id == word, _key.prefix == word, _key.name == word), _key.revoked_at.is_(None)]
        ended = update(api_keys).where(*meant).values(revoked_at=self._clock()).returning(*_shown)
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

    def spent(self, account: str, month: str) -> dict[str, Decimal]:
        """What counts against the budget of each of the account's keys in a month (`2026-11`, UTC), in US dollars, by key id:
        what it has spent, and those that share its budget.
        """
        query = (
            select(_key.id, func.coalesce(_key.lineage, _key.id).label("lineage"), key_spending.c.spent)
            .join_from(api_keys, key_spending, (_key.id == key_spending.c.key_id) & (key_spending.c.month == month), isouter=True)
            .where(_key.account_id == account)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        together: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            together[row.lineage] += row.spent or 0
        return {row.id: together[row.lineage] for row in rows if together[row.lineage]}

    def _new(self, name: str, account: AccountId, terms: KeyTerms, created_by: str | None) -> tuple[ApiKey, str]:
        secret = new_secret(KEY_MARK)
        key = ApiKey(
            id=uuid.uuid4().hex,
            name=name,
            prefix=prefix_of(secret),
            account_id=account,
            created_at=self._clock(),
            created_by=created_by,
            terms=terms,
        )
        return key, secret

    def _note_use(self, key: ApiKey, address: str, now: datetime) -> None:
        if key.last_used_at is not None and key.last_used_at >= now - _USE_GRAIN:
            return
        use = {"the_id": key.id, "the_now": now, "the_grain_ago": now - _USE_GRAIN, "the_address": address or None}
        with unless_full(), writing(self._engine) as connection:
            connection.execute(_TOUCH, use)


def _get(connection: Connection, key_id: str, account: str, *, lock: bool = False) -> ApiKey:
    query = select(*_shown).where(_key.id == key_id, _key.account_id == account)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("There is no such API key.")
    return _key_of(row)


def _add(connection: Connection, key: ApiKey, secret: str) -> None:
    connection.execute(insert(api_keys), {**_row_of(key), "secret_hash": hash_of(secret)})


def _row_of(key: ApiKey) -> dict[str, Any]:
    return {name: value for name, value in vars(key).items() if name != "terms"} | _columns_of(key.terms)


def _columns_of(terms: KeyTerms) -> dict[str, Any]:
    return {
        "scopes": " ".join(sorted(terms.scopes)),
        "expires_at": terms.expires_at,
        "models": sorted(terms.models) if terms.models is not None else None,
        "rate_limit": terms.rate_limit,
        "monthly_budget": terms.monthly_budget,
    }


@cache
def _scopes_of(column: str | None) -> frozenset[Scope]:
    return USUAL_SCOPES if column is None else frozenset(map(Scope, column.split()))


def _key_of(row: Row[Any]) -> ApiKey:
    terms = KeyTerms(
        scopes=_scopes_of(row.scopes),
        expires_at=row.expires_at,
        models=frozenset(row.models) if row.models is not None else None,
        rate_limit=row.rate_limit,
        monthly_budget=row.monthly_budget,
    )
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        account_id=AccountId(row.account_id),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        last_used_address=row.last_used_address,
        created_by=row.created_by,
        rotated_to=row.rotated_to,
        terms=terms,
    )
