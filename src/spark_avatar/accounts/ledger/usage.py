"""What was used: sums over completed tasks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from spark_avatar.schemas.identity import AccountId


class UsageGroup(StrEnum):
    """What sums are made for."""

    DAY = "day"
    """In UTC."""
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True)
class UsageSum:
    """Completed tasks together. `day`, `key_id` and `model` are None where the sums are not made for them."""

    day: date | None
    key_id: str | None
    key_name: str | None
    """None too for a key that is gone."""
    model: str | None
    tasks: int
    seconds: float
    """Of finished video."""
    compute_units: int
    cost: Decimal


class UsageStore(Protocol):
    """Knows what was used; goes on knowing it when tasks are deleted."""

    def usage(self, account_id: AccountId, *, first: date, last: date, groups: Collection[UsageGroup]) -> list[UsageSum]:
        """The sums of the days from `first` to `last`, both included, in UTC, ordered by what they are made for; without any
        group one sum of all, where there is something.
        """
        ...
