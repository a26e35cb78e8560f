"""What is to be told about ended tasks, to whom, and how that went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from spark_avatar.errors import Canceled
from spark_avatar.tasks.task import AccountId, TaskId

COMPLETED: Final = "task.completed"
FAILED: Final = "task.failed"
CANCELED: Final = "task.canceled"
TEST: Final = "webhook.test"
"""Sent when an owner asks for it, to an endpoint of any events."""
EVENTS: Final = (COMPLETED, FAILED, CANCELED)
"""What endpoints may ask for."""


@dataclass(frozen=True)
class Delivery:
    """One message to one address. Times are in UTC."""

    id: str
    """Of the message, the same at every attempt."""
    account_id: AccountId
    endpoint_id: str | None
    """None for the address that a request named itself."""
    task_id: TaskId | None
    """None for a test."""
    event: str
    url: str
    created_at: datetime
    attempts: int
    retry: int
    """Index of the pause that follows the next failure."""
    next_at: datetime | None
    """When it is tried next; None when it is over, well or badly."""
    delivered_at: datetime | None
    last_status: int | None
    """HTTP status of the last attempt, where there was an answer."""
    last_error: str | None


@dataclass(frozen=True)
class Attempt:
    """One try to deliver."""

    number: int
    """From 1."""
    at: datetime
    status: int | None
    error: str | None
    milliseconds: int


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries of an account are meant; None for all."""

    endpoint_id: str | None = None
    task_id: str | None = None


class DeliveryStore(Protocol):
    """Keeps deliveries. Those about a task are made in the transaction that ends it, and go with it."""

    def add_test(self, *, endpoint_id: str, account_id: AccountId, now: datetime) -> Delivery:
        """A message that says nothing but that messages arrive."""
        ...

    def due(self, now: datetime, *, limit: int, of_account: int) -> list[Delivery]:
        """Those whose time has come, so many of one account, the most overdue of each account first; those of disabled endpoints
        wait.
        """
        ...

    def take(self, delivery: Delivery, *, until: datetime) -> bool:
        """Reserves a delivery for one attempt; False when another server was first. It is due again after `until`."""
        ...

    def settle(self, delivery: Delivery, attempt: Attempt, *, delivered_at: datetime | None, next_at: datetime | None) -> None:
        """Records an attempt and what follows from it."""

    def replay(self, delivery_id: str, account_id: AccountId, *, now: datetime) -> Delivery:
        """Makes it due now, with the schedule from its beginning; raises `NotFound`."""
        ...

    def get(self, delivery_id: str, account_id: AccountId) -> Delivery:
        """The account's delivery; raises `NotFound`."""
        ...

    def attempts_of(self, delivery_id: str) -> list[Attempt]:
        """All attempts, the oldest first."""
        ...

    def of_account(self, account_id: AccountId, *, limit: int, which: DeliveryFilter | None = None) -> list[Delivery]:
        """The account's deliveries, newest first."""
        ...

    def tidy(self, *, tests_before: datetime) -> None:
        """Forgets old tests; takes over what a server of the release before has left to be delivered."""


def event_of(code: str | None) -> str:
    """What the end of a task is called, which failed with the code, if it failed."""
    if code is None:
        return COMPLETED
    return CANCELED if code == Canceled.code else FAILED
