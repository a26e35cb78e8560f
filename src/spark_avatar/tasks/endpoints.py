"""Addresses that an account wants to be told at, whatever its requests name."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from spark_avatar.tasks.task import AccountId


class DisabledBecause(StrEnum):
    """Who or what switched an endpoint off."""

    OWNER = "owner"
    FAILING = "failing"
    """Nothing arrived for days."""
    GONE = "gone"
    """It answered 410."""


@dataclass(frozen=True)
class EndpointTerms:
    """What an owner settles about an endpoint."""

    url: str
    events: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Endpoint:
    """One address. Times are in UTC."""

    id: str
    account_id: AccountId
    terms: EndpointTerms
    created_at: datetime
    secret_number: int = 1
    """Grows with every rotation."""
    previous_until: datetime | None = None
    """Until then the secret before signs too."""
    failing_since: datetime | None = None
    """The first failed attempt since the last one that went well."""
    disabled_at: datetime | None = None
    disabled_because: DisabledBecause | None = None


class EndpointStore(Protocol):
    """Keeps endpoints. Methods that name an account raise `NotFound` for another's."""

    def add(self, endpoint: Endpoint, *, most: int) -> None:
        """Stores a new one; raises `Conflict` where the account has `most` already."""

    def get(self, endpoint_id: str, account_id: AccountId) -> Endpoint:
        """The account's endpoint."""
        ...

    def find(self, endpoint_id: str) -> Endpoint | None:
        """Any account's endpoint."""
        ...

    def of_account(self, account_id: AccountId) -> list[Endpoint]:
        """All of an account, the oldest first."""
        ...

    def change(self, endpoint_id: str, account_id: AccountId, terms: EndpointTerms) -> Endpoint:
        """Replaces the terms."""
        ...

    def rotate(self, endpoint_id: str, account_id: AccountId, *, grace: timedelta, now: datetime) -> Endpoint:
        """The next secret; the one before signs until the grace is over."""
        ...

    def disable(self, endpoint_id: str, because: DisabledBecause, *, now: datetime) -> bool:
        """Nothing is sent until it is enabled; False where it was disabled before."""
        ...

    def enable(self, endpoint_id: str) -> None:
        """Goes on, with a clean record."""

    def note_success(self, endpoint_id: str) -> None:
        """A message arrived."""

    def note_failure(self, endpoint_id: str, *, now: datetime) -> datetime:
        """A message did not arrive; since when none has."""
        ...

    def remove(self, endpoint_id: str, account_id: AccountId) -> None:
        """Forgets it with all its deliveries."""
