"""Balances and entries in a SQL database, and the operator's way of changing them."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, bindparam, func, select, tuple_, update

from spark_avatar.accounts.ledger.entries import (
    FUNDING,
    Balance,
    EntryKind,
    EntryMark,
    LedgerEntry,
    available_book,
    held_book,
)
from spark_avatar.accounts.ledger.postings import post
from spark_avatar.accounts.ledger.sql_books import open_account
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.money import Money
from spark_avatar.database.schema import accounts, balances, ledger_entries, ledger_postings
from spark_avatar.errors import InsufficientBalance, InvalidOptions
from spark_avatar.schemas.identity import AccountId, TaskId

_SMALLEST = Decimal("0.0001")
_LARGEST = Decimal(1_000_000_000)
_entry, _posting, _balance = ledger_entries.c, ledger_postings.c, balances.c


def _posted(book: str) -> Any:
    amount = select(_posting.amount).where(_posting.entry_id == _entry.id, _posting.book == bindparam(book)).scalar_subquery()
    return func.coalesce(amount, Decimal(0), type_=Money())


_ENTRIES = select(*_entry, _posted("the_available").label("available"), _posted("the_held").label("held")).where(
    _entry.account_id == bindparam("the_account")
)
_NEWEST_FIRST = (_entry.created_at.desc(), _entry.id.desc())
_MARK = tuple_(bindparam("the_mark_time", type_=_entry.created_at.type), bindparam("the_mark_id", type_=_entry.id.type))
_BY_OCCASION = select(_entry.id).where(_entry.occasion == bindparam("the_occasion"))


class SqlLedger:
    """A `Ledger` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def balance(self, account_id: AccountId) -> Balance:
        """How the account stands; all nothing for one that never had a balance."""
        with reading(self._engine) as connection:
            row = connection.execute(select(balances).where(_balance.account_id == account_id)).one_or_none()
        return Balance(account_id) if row is None else Balance(**{**row._mapping, "account_id": account_id})

    def balances(self) -> list[Balance]:
        """All that have one, by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(balances).order_by(_balance.account_id)).all()
        return [Balance(**{**row._mapping, "account_id": AccountId(row.account_id)}) for row in rows]

    def entries(self, account_id: AccountId, *, limit: int, after: EntryMark | None = None) -> list[LedgerEntry]:
        """The account's entries, newest first, from behind the mark on."""
        page = _ENTRIES.order_by(*_NEWEST_FIRST).limit(limit)
        if after is not None:
            page = page.where(tuple_(_entry.created_at, _entry.id) < _MARK)
        asked: dict[str, object] = {
            "the_account": account_id,
            "the_available": available_book(account_id),
            "the_held": held_book(account_id),
        }
        if after is not None:
            asked |= {"the_mark_time": after.created_at, "the_mark_id": after.entry_id}
        with reading(self._engine) as connection:
            rows = connection.execute(page, asked).all()
        return [
            LedgerEntry(
                id=row.id,
                kind=EntryKind(row.kind),
                created_at=row.created_at,
                task_id=None if row.task_id is None else TaskId(row.task_id),
                key_id=row.key_id,
                note=row.note,
                available=row.available,
                held=row.held,
            )
            for row in rows
        ]

    def recharge(self, account_id: AccountId, amount: Decimal, *, note: str = "", reference: str | None = None) -> Balance:
        """Adds money; less than nothing takes a recharge back. With a `reference` that was used before (a payment's number)
        nothing happens: a payment counts once. Returns how the account stands then.

        Raises `InvalidOptions` for an account that is not there, and for an amount of nothing, finer than 0.0001 or beyond
        a billion, and `InsufficientBalance` where less is left than is to be taken back.
        """
        _check(amount)
        if not amount:
            raise InvalidOptions("The amount is 0: nothing would change.")
        kind = EntryKind.RECHARGE if amount > 0 else EntryKind.CORRECTION
        occasion = None if reference is None else f"recharge:{account_id}:{reference}"
        with writing(self._engine) as connection:
            self._known(connection, account_id)
            open_account(connection, account_id)
            # The row's lock lets recharges of an account in one by one: of two with one reference the second sees the first.
            row = connection.execute(select(balances).where(_balance.account_id == account_id).with_for_update()).one()
            repeated = occasion is not None and connection.execute(_BY_OCCASION, {"the_occasion": occasion}).first()
            if not repeated:
                if amount < 0 and row.available + amount < 0:
                    raise InsufficientBalance(f"The account has ${row.available:f}: ${-amount:f} cannot be taken back.")
                changed = {"available": row.available + amount, "recharged": row.recharged + amount}
                connection.execute(update(balances).where(_balance.account_id == account_id).values(changed))
                amounts = {available_book(account_id): amount, FUNDING: -amount}
                now = self._clock()
                post(connection, kind, account_id=account_id, amounts=amounts, now=now, occasion=occasion, note=note)
        return self.balance(account_id)

    def set_credit(self, account_id: AccountId, limit: Decimal) -> Balance:
        """How far the account may fall below nothing where it is prepaid; returns how it stands then. Raises
        `InvalidOptions` as `recharge` does, and for less than 0.
        """
        _check(limit)
        if limit < 0:
            raise InvalidOptions("A credit limit is 0 or more.")
        with writing(self._engine) as connection:
            self._known(connection, account_id)
            open_account(connection, account_id)
            connection.execute(update(balances).where(_balance.account_id == account_id).values(credit_limit=limit))
        return self.balance(account_id)

    @staticmethod
    def _known(connection: Any, account_id: AccountId) -> None:
        if connection.execute(select(accounts.c.id).where(accounts.c.id == account_id)).first() is None:
            raise InvalidOptions(f"There is no account {account_id!r}: accounts are made with their first key.")


def _check(amount: Decimal) -> None:
    if not amount.is_finite() or abs(amount) > _LARGEST or amount != amount.quantize(_SMALLEST):
        raise InvalidOptions(f"{amount} is no amount: give US dollars with at most four decimals.")
