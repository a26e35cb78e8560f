"""Makes up for wake-ups that were lost between the database and the broker: a server that died between its commit and its
message, a broker that was away, a queue that was purged.
"""

from dataclasses import dataclass
from typing import Protocol

from spark_avatar.dispatch.dispatcher import Dispatcher
from spark_avatar.tasks.store import TaskStore

RECONCILE_SECONDS = 3.0
"""How long a task waits at most whose wake-up was lost, once the broker and a server are there again."""


class Chores(Protocol):
    """What one of many servers does for all."""

    def take(self, name: str, *, every_seconds: float) -> bool:
        """Whether the chore is due, and the caller's: then it is nobody else's for `every_seconds`."""
        ...


@dataclass(frozen=True)
class Reconciler:
    """Safe to run in every server: one of them does it."""

    store: TaskStore
    dispatcher: Dispatcher
    chores: Chores

    def step(self) -> None:
        """Has as many wake-ups under way as tasks wait."""
        if self.chores.take("reconcile", every_seconds=RECONCILE_SECONDS):
            waiting = self.store.queued_by_engine()
            if waiting:
                self.dispatcher.top_up(waiting)
