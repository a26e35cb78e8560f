"""The time of day, passed in so that tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time, in UTC."""


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)
