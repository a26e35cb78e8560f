"""What is to be told about ended tasks, and to whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from spark_avatar.tasks.task import AccountId, TaskId


@dataclass(frozen=True)
class Delivery:
    """The message about one task, to the address that its request named."""

    task_id: TaskId
    account_id: AccountId
    url: str
    created_at: datetime
    attempts: int
    next_at: datetime | None
    """When it is tried next, once the task has ended; None when it is over, well or badly."""
    delivered_at: datetime | None
    last_status: int | None
    """HTTP status of the last attempt, where there was an answer."""
    last_error: str | None


class DeliveryStore(Protocol):
    """Keeps deliveries; each is made with its task and goes with it."""

    def due(self, now: datetime, *, limit: int) -> list[Delivery]:
        """Those of ended tasks whose time has come, the most overdue first."""
        ...

    def take(self, delivery: Delivery, *, until: datetime) -> bool:
        """Reserves a delivery for one attempt; False when another server was first. It is due again after `until`."""
        ...

    def settle(
        self,
        delivery: Delivery,
        *,
        status: int | None,
        error: str | None,
        delivered_at: datetime | None,
        next_at: datetime | None,
    ) -> None:
        """Records an attempt and what follows from it."""

    def of_account(self, account_id: AccountId, *, limit: int) -> list[Delivery]:
        """The account's deliveries, newest first."""
        ...
