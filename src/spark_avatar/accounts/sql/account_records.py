"""All records of an account in a SQL database. A test asks for every table whether it belongs to accounts."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, bindparam, delete, exists, or_, select, update

from spark_avatar.accounts.account_records import ErasedRecords
from spark_avatar.accounts.ledger.entries import available_book, held_book
from spark_avatar.accounts.sign_in_attempts import OF_USER, Subject
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.database import schema
from spark_avatar.database.engine import reading, snapshot, writing
from spark_avatar.schemas.identity import AccountId

_CHUNK: Final = 500
_USER_KEYS: Final = ("session", "token")
"""Tasks that a user made without an API key name one of these instead: `session:USER`."""
_SECRETS: Final = frozenset({"secret_hash", "password_hash"})
_users_of = select(schema.memberships.c.user_id).where(schema.memberships.c.account_id == bindparam("the_account"))
_tasks_of = select(schema.tasks.c.id).where(schema.tasks.c.account_id == bindparam("the_account"))
_deliveries_of = select(schema.webhook_deliveries.c.id).where(schema.webhook_deliveries.c.account_id == bindparam("the_account"))
_entries_of = select(schema.ledger_entries.c.id).where(schema.ledger_entries.c.account_id == bindparam("the_account"))
_keys_of = select(schema.api_keys.c.id).where(schema.api_keys.c.account_id == bindparam("the_account"))
_logins_of = select(schema.device_logins.c.device_code_hash).where(schema.device_logins.c.account_id == bindparam("the_account"))

_PARTS: Final[tuple[tuple[Table, ColumnElement[bool]], ...]] = (
    (schema.webhook_attempts, schema.webhook_attempts.c.delivery_id.in_(_deliveries_of)),
    (schema.engine_notes, schema.engine_notes.c.task_id.in_(_tasks_of)),
    (schema.device_proofs, schema.device_proofs.c.device_code_hash.in_(_logins_of)),
)
"""Tables that name the account through another one; erased before that."""
_OWN: Final = (
    schema.webhook_deliveries,
    schema.webhook_endpoints,
    schema.webhooks,
    schema.idempotency_keys,
    schema.turns,
    schema.segments,
    schema.staged_tasks,
    schema.tasks,
    schema.device_logins,
    schema.tokens,
    schema.sessions,
    schema.invitations,
    schema.api_keys,
    schema.memberships,
    schema.audit_events,
)
"""Tables with a column for the account, in the order in which their references allow to erase them."""
_LEDGER: Final = (schema.ledger_entries, schema.balances, schema.holds, schema.usage_records)
"""Kept, under a pseudonym: what was paid for must stay on the books."""
_PASSING: Final = frozenset(
    {schema.sessions, schema.tokens, schema.device_logins, schema.device_proofs, schema.turns, schema.segments}
)
"""Not exported: what proves who somebody is, and how the queue stands."""

OF_ACCOUNTS: Final = frozenset(
    {schema.accounts, schema.users, schema.key_spending, schema.ledger_postings, schema.login_failures, *_OWN, *_LEDGER}
    | {table for table, _ in _PARTS}
)
"""Every table that holds something of accounts: a test names the others."""


class SqlAccountRecords:
    """`AccountRecords` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def exists(self, account_id: AccountId) -> bool:
        """Whether there is such an account."""
        if "\0" in account_id:
            return False
        with reading(self._engine) as connection:
            return bool(connection.execute(select(exists().where(schema.accounts.c.id == account_id))).scalar_one())

    def export(self, account_id: AccountId) -> Iterator[tuple[str, Iterator[dict[str, object]]]]:
        """Name and rows of every table; see the protocol."""
        with snapshot(self._engine) as connection:
            for table, which in _exported(account_id):
                yield table.name, _rows(connection, table, which, account_id)

    def lock_out(self, account_id: AccountId) -> None:
        """Nobody acts for the account any more: its keys are revoked; sessions, tokens and logins under way end."""
        keys = schema.api_keys
        live = (keys.c.account_id == account_id, keys.c.revoked_at.is_(None))
        with writing(self._engine) as connection:
            connection.execute(update(keys).where(*live).values(revoked_at=self._clock()))
            for table in (schema.tokens, schema.sessions):
                connection.execute(delete(table).where(table.c.account_id == account_id))

    def erase(self, account_id: AccountId) -> ErasedRecords:
        """Removes every row but those of the ledger; see the protocol."""
        own, pseudonym = {"the_account": account_id}, f"erased-{uuid.uuid4().hex}"
        with writing(self._engine) as connection:
            leaving = _leaving(connection, account_id)
            keys = [*connection.execute(_keys_of, own).scalars(), *(f"{kind}:{user}" for user in leaving for kind in _USER_KEYS)]
            _pseudonymise(connection, account_id, pseudonym, keys)
            for table, which in _PARTS:
                connection.execute(delete(table).where(which), own)
            for table in _OWN:
                connection.execute(delete(table).where(table.c.account_id == account_id))
            for user_id in leaving:
                _erase_user(connection, user_id)
            connection.execute(delete(schema.accounts).where(schema.accounts.c.id == account_id))
        return ErasedRecords(pseudonym, len(leaving))


def _exported(account_id: AccountId) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    yield schema.accounts, schema.accounts.c.id == account_id
    yield schema.users, schema.users.c.id.in_(_users_of)
    for table in (*_OWN, *_LEDGER):
        if table not in _PASSING:
            yield table, table.c.account_id == account_id
    for table, which in (
        *_PARTS,
        (schema.ledger_postings, schema.ledger_postings.c.entry_id.in_(_entries_of)),
        (schema.key_spending, schema.key_spending.c.key_id.in_(_keys_of)),
    ):
        if table not in _PASSING:
            yield table, which


def _rows(connection: Connection, table: Table, which: ColumnElement[bool], account_id: AccountId) -> Iterator[dict[str, object]]:
    query = select(*(column for column in table.c if column.name not in _SECRETS)).where(which)
    streaming = connection.execution_options(yield_per=_CHUNK)
    for row in streaming.execute(query.order_by(*table.primary_key.columns), {"the_account": account_id}):
        yield {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


def _leaving(connection: Connection, account_id: AccountId) -> list[str]:
    """The members who belong to no other account."""
    elsewhere = select(schema.memberships.c.user_id).where(schema.memberships.c.account_id != account_id)
    only_here = _users_of.where(schema.memberships.c.user_id.not_in(elsewhere))
    return list(connection.execute(only_here, {"the_account": account_id}).scalars())


def _erase_user(connection: Connection, user_id: str) -> None:
    email: str = connection.execute(select(schema.users.c.email).where(schema.users.c.id == user_id)).scalar_one()
    for table in (schema.sessions, schema.tokens, schema.device_logins):
        connection.execute(delete(table).where(table.c.user_id == user_id))
    event, who = schema.audit_events, f"user:{user_id}"
    connection.execute(delete(event).where(or_(event.c.actor == who, event.c.subject == who)))
    guest, name = schema.invitations, f"user:{user_id}"
    connection.execute(update(guest).where(guest.c.accepted_by == user_id).values(accepted_by=None, email=None))
    connection.execute(update(guest).where(guest.c.invited_by.in_((user_id, name))).values(invited_by=None))
    made = schema.api_keys
    connection.execute(update(made).where(made.c.created_by == who).values(created_by=None))
    failures = schema.login_failures
    connection.execute(delete(failures).where(failures.c.subject_hash == Subject("user", email, OF_USER).hash))
    connection.execute(delete(schema.users).where(schema.users.c.id == user_id))


def _pseudonymise(connection: Connection, account_id: AccountId, pseudonym: str, keys: list[str]) -> None:
    """Gives the ledger other names for the account, its keys and its tasks: sums and references stay as they are."""
    entry, record, hold, new = schema.ledger_entries, schema.usage_records, schema.holds, AccountId(pseudonym)
    tasks: set[str] = set()
    for table in (entry, record, hold):
        named = select(table.c.task_id).where(table.c.account_id == account_id, table.c.task_id.is_not(None))
        tasks.update(connection.execute(named).scalars())
    other_tasks, other_keys = _other_names(tasks), _other_names(keys)
    for table in (entry, record, hold):
        _rename(connection, table.c.task_id, other_tasks)
    for table in (entry, record, hold, schema.key_spending, schema.tasks):
        _rename(connection, table.c.key_id, other_keys)
    books = {available_book(account_id): available_book(new), held_book(account_id): held_book(new)}
    _rename(connection, schema.ledger_postings.c.book, books)
    # The occasions of captures and recharges hold names of tasks and of the account.
    own = update(entry).where(entry.c.account_id == account_id)
    connection.execute(own.values(note="", occasion="erased:" + entry.c.id))
    for table in _LEDGER:
        connection.execute(update(table).where(table.c.account_id == account_id).values(account_id=pseudonym))


def _other_names(names: Iterable[str]) -> dict[str, str]:
    return {name: f"erased-{uuid.uuid4().hex}" for name in names}


def _rename(connection: Connection, column: Column[str], names: dict[str, str]) -> None:
    if names:
        renamed = update(column.table).where(column == bindparam("the_old")).values({column.name: bindparam("the_new")})
        connection.execute(renamed, [{"the_old": old, "the_new": new} for old, new in names.items()])
