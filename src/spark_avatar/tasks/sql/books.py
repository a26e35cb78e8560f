"""Who keeps the books of tasks: told of every move that has to do with money, inside the transaction of the move."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Connection

from spark_avatar.tasks.task import AccountId, TaskId


class Bookkeeper(Protocol):
    """Works in the caller's transaction. What it raises undoes the move."""

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
        """Holds exactly this amount for the task, instead of what was held for it before: nothing, for a `new` one, which is
        stored in this transaction. Raises `InsufficientBalance` and `BudgetSpent`.
        """

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
        """The task is completed: charges it, out of what is held for it, and records what it used."""

    def release(self, connection: Connection, *, task_id: TaskId, now: datetime) -> None:
        """The task ended without a result: gives back what is held for it."""


class NoBooks:
    """Nothing costs anything, and nothing is recorded."""

    def set_aside(self, connection: Connection, **_: object) -> None:
        """Holds nothing."""

    def capture(self, connection: Connection, **_: object) -> None:
        """Charges nothing."""

    def release(self, connection: Connection, **_: object) -> None:
        """Has nothing to give back."""
