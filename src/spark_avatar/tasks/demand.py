"""How many workers there is work for: what autoscaling follows."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Demand:
    """Of one engine, at one moment."""

    workers: int
    """Worker processes that would be busy if there were any number of them: tasks that wait or run, segments that wait, and
    segments that run in another worker than the one that holds their task."""
    oldest_seconds: float
    """Age of the task that has waited longest since it was made; 0 when none waits."""


class DemandMeter(Protocol):
    """Asks the store of tasks."""

    def by_engine(self) -> dict[str, Demand]:
        """Of every engine with work; tasks of releases that did not note an engine stand under the empty name."""
        ...
