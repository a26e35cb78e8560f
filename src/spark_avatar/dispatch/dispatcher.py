"""Who runs tasks, and how they learn of new ones. The task store is the truth; a dispatcher only wakes workers."""

from collections.abc import Mapping
from typing import Protocol


class Dispatcher(Protocol):
    """Keeps workers running and wakes them."""

    def start(self) -> None:
        """Starts the workers; returns without waiting for them to warm up."""

    def wake(self, engine: str) -> None:
        """Says that a task for the engine was queued; must never block or raise."""

    def top_up(self, waiting: Mapping[str, int]) -> None:
        """So many tasks wait for each engine: makes up for wake-ups that were lost. Must never block or raise."""

    def look_again(self) -> None:
        """A task was taken from its worker: whoever runs one should ask whether it is still theirs. Never blocks or raises."""

    def ready(self) -> bool:
        """Whether a task queued now would be taken up."""
        ...

    def stop(self, *, grace_seconds: float) -> None:
        """Lets running tasks finish for `grace_seconds`, then has them handed back; returns when every worker has ended."""
