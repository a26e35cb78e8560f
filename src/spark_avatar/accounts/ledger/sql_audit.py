"""Whether the books are in order: what is stored twice must agree, and every entry must balance."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select, type_coerce

from spark_avatar.accounts.ledger.entries import FUNDING, REVENUE, EntryKind, available_book, held_book
from spark_avatar.database.engine import snapshot
from spark_avatar.database.money import Money
from spark_avatar.database.schema import (
    balances,
    holds,
    key_spending,
    ledger_entries,
    ledger_postings,
    usage_records,
)
from spark_avatar.schemas.identity import AccountId

_entry, _posting, _hold, _spending, _record = ledger_entries.c, ledger_postings.c, holds.c, key_spending.c, usage_records.c
_NOTHING = Decimal(0)


def _sum(column: Any) -> Any:
    return type_coerce(func.coalesce(func.sum(column), 0), Money())


_of_book = select(_posting.book, _sum(_posting.amount).label("total")).group_by(_posting.book)
_unbalanced = (
    select(_posting.entry_id, _sum(_posting.amount).label("total"))
    .group_by(_posting.entry_id)
    .having(func.sum(type_coerce(_posting.amount, Money())) != _NOTHING)
)
_empty = (
    select(_entry.id)
    .outerjoin(ledger_postings, _posting.entry_id == _entry.id)
    .group_by(_entry.id)
    .having(func.count(_posting.line) < 2)
)
_recharged = (
    select(_entry.account_id, _sum(_posting.amount).label("total"))
    .join_from(ledger_entries, ledger_postings, _posting.entry_id == _entry.id)
    .where(_posting.book == FUNDING)
    .group_by(_entry.account_id)
)
_held_of_task = (
    select(_entry.task_id, _sum(_posting.amount).label("total"))
    .join_from(ledger_entries, ledger_postings, _posting.entry_id == _entry.id)
    .where(_posting.book.startswith("held:"))
    .group_by(_entry.task_id)
    .having(func.sum(type_coerce(_posting.amount, Money())) != _NOTHING)
)
_holds_of_accounts = select(_hold.account_id, _sum(_hold.amount).label("total")).group_by(_hold.account_id)
_holds_of_keys = select(_hold.key_id, _hold.month, _sum(_hold.amount).label("total")).group_by(_hold.key_id, _hold.month)
_charged = (
    select(_entry.task_id, _entry.key_id, _sum(case((_posting.book == REVENUE, _posting.amount), else_=0)).label("total"))
    .join_from(ledger_entries, ledger_postings, _posting.entry_id == _entry.id)
    .where(_entry.kind == EntryKind.CAPTURE.value)
    .group_by(_entry.id, _entry.task_id, _entry.key_id)
)
_captures = _charged.subquery()
_charged_for_nothing = (
    select(_captures.c.task_id, _captures.c.total)
    .join_from(_captures, usage_records, _captures.c.task_id == _record.task_id, isouter=True)
    .where(_record.task_id.is_(None))
)
_charged_otherwise = (
    select(_record.task_id, _record.cost, _captures.c.total)
    .join_from(usage_records, _captures, _captures.c.task_id == _record.task_id, isouter=True)
    .where(_record.cost != func.coalesce(_captures.c.total, 0))
)


class SqlBooksAudit:
    """Checks the ledger against itself, and everything that is derived from it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def faults(self) -> list[str]:
        """What is wrong, in words; nothing when all is right. Safe beside running servers: it looks at one moment."""
        with snapshot(self._engine) as connection:
            return [fault for check in (_entries, _balances, _holds, _keys, _charges) for fault in check(connection)]


def _entries(connection: Connection) -> Iterator[str]:
    for row in connection.execute(_unbalanced):
        yield f"ledger entry {row.entry_id} does not balance: {row.total:f} is left"
    for row in connection.execute(_empty):
        yield f"ledger entry {row.id} moves nothing"


def _balances(connection: Connection) -> Iterator[str]:
    books = {row.book: row.total for row in connection.execute(_of_book)}
    recharged = {row.account_id: -row.total for row in connection.execute(_recharged)}
    held = {row.account_id: row.total for row in connection.execute(_holds_of_accounts)}
    known = {FUNDING, REVENUE}
    for row in connection.execute(select(balances)):
        account_id = AccountId(row.account_id)
        expected = {
            "available": books.get(available_book(account_id), _NOTHING),
            "held": books.get(held_book(account_id), _NOTHING),
            "recharged": recharged.get(account_id, _NOTHING),
        }
        for name, total in expected.items():
            if getattr(row, name) != total:
                yield f"account {account_id} has {getattr(row, name):f} {name}, and its entries say {total:f}"
        if row.held != held.get(account_id, _NOTHING):
            yield f"account {account_id} has {row.held:f} held, and its holds say {held.get(account_id, _NOTHING):f}"
        known |= {available_book(account_id), held_book(account_id)}
    for book in sorted(books.keys() - known):
        yield f"the book {book} belongs to no account with a balance"
    if sum(books.values(), _NOTHING):
        yield f"the books do not add up to nothing: {sum(books.values()):f} is left"


def _holds(connection: Connection) -> Iterator[str]:
    posted = {row.task_id: row.total for row in connection.execute(_held_of_task)}
    for row in connection.execute(select(_hold.task_id, _hold.amount)):
        total = posted.pop(row.task_id, _NOTHING)
        if total != row.amount:
            yield f"task {row.task_id} has {row.amount:f} held, and its entries say {total:f}"
    for task_id, total in posted.items():
        yield f"task {task_id} has nothing held, and its entries say {total:f}"


def _keys(connection: Connection) -> Iterator[str]:
    held = {(row.key_id, row.month): row.total for row in connection.execute(_holds_of_keys)}
    spent: dict[str, Decimal] = {}
    for row in connection.execute(_charged):
        spent[row.key_id] = spent.get(row.key_id, _NOTHING) + row.total
    for row in connection.execute(select(key_spending)):
        expected = held.pop((row.key_id, row.month), _NOTHING)
        if row.held != expected:
            yield f"key {row.key_id} has {row.held:f} held in {row.month}, and its holds say {expected:f}"
        spent[row.key_id] = spent.get(row.key_id, _NOTHING) - row.spent
    for (key_id, month), total in held.items():
        yield f"key {key_id} has holds of {total:f} in {month} that do not count against its budget"
    for key_id, difference in spent.items():
        if difference:
            yield f"key {key_id} was charged {difference:f} more than counts against its budget"


def _charges(connection: Connection) -> Iterator[str]:
    for row in connection.execute(_charged_for_nothing):
        yield f"task {row.task_id} was charged {row.total:f}, and nothing says what for"
    for row in connection.execute(_charged_otherwise):
        yield f"task {row.task_id} used {row.cost:f}, and was charged {row.total or _NOTHING:f}"
