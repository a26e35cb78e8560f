"""Whether the queue takes one more task, decided before anything of it is stored."""

import threading
import time
from dataclasses import dataclass, field

from spark_avatar.errors import AccountQueueFull, QueueFull
from spark_avatar.tasks.store import TaskStore
from spark_avatar.tasks.task import AccountId

_COUNT_SECONDS = 1.0


@dataclass
class Admission:
    """Counts waiting tasks; asks the store at most once a second, and adds what was admitted here since. Safe to call from
    several threads.
    """

    store: TaskStore
    most: int = 10_000
    """Tasks that may wait."""
    most_of_account: int = 5_000
    """Tasks of one account that may wait."""
    _waiting: dict[AccountId, int] = field(default_factory=dict)
    _total: int = 0
    _asked: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, account_id: AccountId) -> None:
        """Counts one more; raises `QueueFull` or `AccountQueueFull`."""
        with self._lock:
            if time.monotonic() - self._asked > _COUNT_SECONDS:
                self._waiting = self.store.queued_by_account()
                self._total = sum(self._waiting.values())
                self._asked = time.monotonic()
            own = self._waiting.get(account_id, 0)
            if self._total >= self.most:
                raise QueueFull(
                    f"{self._total} tasks are waiting, which is as many as this server takes: try again later",
                    facts={"queued": self._total},
                )
            if own >= self.most_of_account:
                raise AccountQueueFull(
                    f"{own} tasks of this account are waiting, which is as many as it may have: try again when some are done",
                    facts={"queued": own},
                )
            self._waiting[account_id] = own + 1
            self._total += 1

    def withdraw(self, account_id: AccountId) -> None:
        """Counts one less: what was admitted did not become a task."""
        with self._lock:
            own = self._waiting.get(account_id, 0)
            if own:
                self._waiting[account_id] = own - 1
                self._total -= 1
