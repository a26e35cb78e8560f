"""Holds and charges of tasks, written inside the transactions that move the tasks: what a task costs and where it stands can
never come apart. On PostgreSQL rows are locked in one order (hold, balance, key), so that two transactions never wait for each
other.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, type_coerce, update

from spark_avatar.accounts.ledger.entries import REVENUE, BillingMode, EntryKind, available_book, held_book
from spark_avatar.accounts.ledger.postings import post
from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.money import Money
from spark_avatar.database.schema import api_keys, balances, holds, key_spending, usage_records
from spark_avatar.errors import BudgetSpent, InsufficientBalance
from spark_avatar.schemas.identity import AccountId, TaskId

_balance, _spending, _hold = balances.c, key_spending.c, holds.c
_NOTHING = Decimal(0)


def _money(name: str) -> Any:
    return bindparam(name, type_=Money())


_of_account = _balance.account_id == bindparam("the_account")
_of_key = (_spending.key_id == bindparam("the_key"), _spending.month == bindparam("the_month"))
_of_task = _hold.task_id == bindparam("the_task")

_HOLD_OF = select(holds).where(_of_task).with_for_update()
_ADD_HOLD = insert(holds)
_CHANGE_HOLD = update(holds).where(_of_task).values(amount=_money("the_amount"))
_TAKE_HOLD = delete(holds).where(_of_task).returning(*_hold)

_MOVE = (
    update(balances)
    .where(_of_account)
    .values(available=_balance.available + _money("the_available"), held=_balance.held + _money("the_held"))
)
_SET_ASIDE = (
    update(balances)
    .where(_of_account, _balance.available + _balance.credit_limit >= _money("the_amount"))
    .values(available=_balance.available - _money("the_amount"), held=_balance.held + _money("the_amount"))
)
_BALANCE = select(type_coerce(_balance.available + _balance.credit_limit, Money()).label("spendable")).where(_of_account)

# Rotating a key locks its row, so neither can happen while the other is under way.
_LINEAGE = select(api_keys.c.lineage).where(api_keys.c.id == bindparam("the_key")).with_for_update(read=True, key_share=True)
_FIRST_OF_LINEAGE = select(api_keys.c.id).where(api_keys.c.id == bindparam("the_lineage")).with_for_update(key_share=True)
_OF_OTHERS = (
    select(_spending.spent, _spending.held)
    .join_from(api_keys, key_spending, api_keys.c.id == _spending.key_id)
    .where(
        api_keys.c.lineage == bindparam("the_lineage"),
        api_keys.c.id != bindparam("the_key"),
        _spending.month == bindparam("the_month"),
    )
)

_budget = select(api_keys.c.monthly_budget).where(api_keys.c.id == bindparam("the_key")).scalar_subquery()
_SET_ASIDE_OF_LONE_KEY = (
    update(key_spending)
    .where(
        *_of_key,
        _LINEAGE.scalar_subquery().is_(None),
        or_(_budget.is_(None), _spending.spent + _spending.held + _money("the_amount") <= _budget),
    )
    .values(held=_spending.held + _money("the_amount"))
)
"""Of a key that shares its budget with none. The key is locked first, as by `_LINEAGE` alone."""
_SET_ASIDE_OF_KEY = (
    update(key_spending)
    .where(
        *_of_key,
        or_(_budget.is_(None), _spending.spent + _spending.held + _money("the_amount") + _money("the_others") <= _budget),
    )
    .values(held=_spending.held + _money("the_amount"))
)
_MOVE_OF_KEY = (
    update(key_spending)
    .where(*_of_key)
    .values(spent=_spending.spent + _money("the_spent"), held=_spending.held + _money("the_held"))
)
_BUDGET_LEFT = select(type_coerce(_budget - _spending.spent - _spending.held - _money("the_others"), Money())).where(*_of_key)


@dataclass(frozen=True)
class SqlBookkeeper:
    """Keeps the books of tasks. Every method works in the caller's transaction, which is rolled back when it raises."""

    mode: BillingMode = BillingMode.POSTPAID

    def set_aside(
        self,
        connection: Connection,
        *,
        task_id: TaskId,
        account_id: AccountId,
        key_id: str,
        amount: Decimal,
        now: datetime,
        new: bool = False,
    ) -> None:
        """Holds exactly this amount for the task, instead of what was held for it before: nothing, for a `new` one. Raises
        `InsufficientBalance` (prepaid only) and `BudgetSpent` where more is to be held than there is.
        """
        before = None if new else connection.execute(_HOLD_OF, {"the_task": task_id}).one_or_none()
        already: Decimal = before.amount if before else _NOTHING
        more = amount - already
        if not more:
            return
        month = before.month if before else now.astimezone(UTC).strftime("%Y-%m")
        if more > 0:
            self._take(connection, account_id, more, already)
            _take_of_key(connection, key_id, month, more, already)
        else:
            _move(connection, account_id, available=-more, held=more)
            _move_of_key(connection, key_id, month, spent=_NOTHING, held=more)
        if before:
            connection.execute(_CHANGE_HOLD, {"the_task": task_id, "the_amount": amount})
        else:
            hold = {"task_id": task_id, "account_id": account_id, "key_id": key_id, "month": month, "amount": amount}
            connection.execute(_ADD_HOLD, {**hold, "created_at": now})
        post(
            connection,
            EntryKind.ADJUSTMENT if before else EntryKind.HOLD,
            account_id=account_id,
            amounts={available_book(account_id): -more, held_book(account_id): more},
            now=now,
            # A task is held for once, and its hold adjusted as often as its recording turns out to have another length.
            occasion=None if before else f"hold:{task_id}",
            task_id=task_id,
            key_id=key_id,
        )

    def capture(
        self,
        connection: Connection,
        *,
        task_id: TaskId,
        account_id: AccountId,
        key_id: str,
        model: str,
        seconds: float,
        compute_units: int,
        cost: Decimal,
        now: datetime,
    ) -> None:
        """Charges a completed task, out of what is held for it, and records what it used. Raises `ValueError` where less is
        held than it costs: whoever completes a task has set its price aside before.
        """
        hold = connection.execute(_TAKE_HOLD, {"the_task": task_id}).one_or_none()
        held: Decimal = hold.amount if hold else _NOTHING
        if cost > held:
            raise ValueError(f"task {task_id} costs {cost}, and {held} is held for it")
        if hold:
            _end_hold(connection, hold, spent=cost)
            post(
                connection,
                EntryKind.CAPTURE,
                account_id=account_id,
                amounts={held_book(account_id): -held, REVENUE: cost, available_book(account_id): held - cost},
                now=now,
                occasion=f"capture:{task_id}",
                task_id=task_id,
                key_id=key_id,
            )
        record = {"task_id": task_id, "account_id": account_id, "key_id": key_id, "model": model, "ended_at": now}
        usage = {"seconds": seconds, "compute_units": compute_units, "cost": cost}
        connection.execute(insert(usage_records), {**record, **usage})

    def release(self, connection: Connection, *, task_id: TaskId, now: datetime) -> None:
        """Gives back what is held for a task that ended without a result; nothing happens where nothing is."""
        hold = connection.execute(_TAKE_HOLD, {"the_task": task_id}).one_or_none()
        if hold is None:
            return
        _end_hold(connection, hold, spent=_NOTHING)
        account_id = AccountId(hold.account_id)
        post(
            connection,
            EntryKind.RELEASE,
            account_id=account_id,
            amounts={held_book(account_id): -hold.amount, available_book(account_id): hold.amount},
            now=now,
            occasion=f"release:{task_id}",
            task_id=task_id,
            key_id=hold.key_id,
        )

    def _take(self, connection: Connection, account_id: AccountId, amount: Decimal, already: Decimal) -> None:
        """From what is available to what is held, in one statement, so that no race can spend the same money twice. What is held
        for the task `already` is its own to spend: a refusal tells of the whole task.
        """
        if self.mode is BillingMode.POSTPAID:
            _move(connection, account_id, available=-amount, held=amount)
            return
        asked = {"the_account": account_id, "the_amount": amount}
        if connection.execute(_SET_ASIDE, asked).rowcount:
            return
        row = connection.execute(_BALANCE, {"the_account": account_id}).one_or_none()
        spendable: Decimal = already + (_NOTHING if row is None else row.spendable)
        needed = already + amount
        raise InsufficientBalance(
            f"This may cost ${needed:.4f}, and the account has ${spendable:.4f} left to spend: recharge it.",
            facts={"needed": f"{needed:.4f}", "spendable": f"{spendable:.4f}"},
        )


def open_account(connection: Connection, account_id: AccountId) -> None:
    """Gives the account a balance of nothing, where it has none."""
    nothing = {"available": _NOTHING, "held": _NOTHING, "recharged": _NOTHING, "credit_limit": _NOTHING}
    connection.execute(insert_if_missing(connection, balances), {"account_id": account_id, **nothing})


def _move(connection: Connection, account_id: AccountId, *, available: Decimal, held: Decimal) -> None:
    change = {"the_account": account_id, "the_available": available, "the_held": held}
    if not connection.execute(_MOVE, change).rowcount:
        open_account(connection, account_id)
        connection.execute(_MOVE, change)


def _move_of_key(connection: Connection, key_id: str, month: str, *, spent: Decimal, held: Decimal) -> None:
    connection.execute(_MOVE_OF_KEY, {"the_key": key_id, "the_month": month, "the_spent": spent, "the_held": held})


def _take_of_key(connection: Connection, key_id: str, month: str, amount: Decimal, already: Decimal) -> None:
    # Most keys were never rotated, and have begun their month: for them one statement does.
    alone = {"the_key": key_id, "the_month": month, "the_amount": amount}
    if connection.execute(_SET_ASIDE_OF_LONE_KEY, alone).rowcount:
        return
    others = _of_others(connection, key_id, month)
    asked = {"the_key": key_id, "the_month": month, "the_amount": amount, "the_others": others}
    if connection.execute(_SET_ASIDE_OF_KEY, asked).rowcount:
        return
    first = {"key_id": key_id, "month": month, "spent": _NOTHING, "held": _NOTHING}
    connection.execute(insert_if_missing(connection, key_spending), first)
    if connection.execute(_SET_ASIDE_OF_KEY, asked).rowcount:
        return
    left: Decimal = already + connection.execute(_BUDGET_LEFT, asked).scalar_one()
    needed = already + amount
    raise BudgetSpent(
        f"This may cost ${needed:.4f}, and the API key has ${left:.4f} of its budget for {month} left: raise the budget, use "
        "another key, or wait for the next month.",
        facts={"needed": f"{needed:.4f}", "budget_left": f"{left:.4f}"},
    )


def _of_others(connection: Connection, key_id: str, month: str) -> Decimal:
    """What the keys spent and hold that share this one's budget, as it took their place or they its. They wait for each other
    at the first of them, so that two at the same moment cannot both take what is left.
    """
    lineage = connection.execute(_LINEAGE, {"the_key": key_id}).scalar_one_or_none()
    if lineage is None:
        return _NOTHING
    connection.execute(_FIRST_OF_LINEAGE, {"the_lineage": lineage})
    found = connection.execute(_OF_OTHERS, {"the_lineage": lineage, "the_key": key_id, "the_month": month})
    return sum((row.spent + row.held for row in found), _NOTHING)


def _end_hold(connection: Connection, hold: Row[Any], *, spent: Decimal) -> None:
    _move(connection, AccountId(hold.account_id), available=hold.amount - spent, held=-hold.amount)
    _move_of_key(connection, hold.key_id, hold.month, spent=spent, held=-hold.amount)
