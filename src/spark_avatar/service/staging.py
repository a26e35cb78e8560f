"""Removes the inputs of requests whose server died before it had stored their task."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from spark_avatar.service.inputs import remove_inputs
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.staging import StagedTask, StagedTasks
from spark_avatar.tasks.task import TaskId

GRACE_SECONDS: Final = 60.0
"""A request whose inputs take longer than this to be stored is refused."""
_MEMORY_SECONDS: Final = 3600.0
"""A server that was only frozen cannot have stored more of the inputs so much later."""

_log = logging.getLogger(__name__)


@dataclass
class StagingRecovery:
    """Judges by its own monotonic clock how long a task has been in the making, as leases are judged: clocks of servers may
    differ. Safe beside live servers: a task that was given up cannot be stored any more.
    """

    staged: StagedTasks
    storage: Storage
    monotonic: Callable[[], float] = time.monotonic
    _first_seen: dict[TaskId, float] = field(default_factory=dict)
    _cleared: set[TaskId] = field(default_factory=set)

    def step(self) -> None:
        """Gives up what has been in the making for too long. To be called several times in `GRACE_SECONDS`."""
        now = self.monotonic()
        staged = self.staged.all()
        self._first_seen = {task.task_id: self._first_seen.get(task.task_id, now) for task in staged}
        self._cleared &= self._first_seen.keys()
        for task in staged:
            waited = now - self._first_seen[task.task_id]
            if task.abandoned:
                self._clear(task, forget=waited >= _MEMORY_SECONDS)
            elif waited >= GRACE_SECONDS and self.staged.abandon(task.task_id):
                _log.warning("inputs of an unfinished request removed", extra={"task_id": task.task_id})
                self._clear(task, forget=False)

    def _clear(self, task: StagedTask, *, forget: bool) -> None:
        """Once for every server that sees it, and a last time before it is forgotten."""
        if forget or task.task_id not in self._cleared:
            remove_inputs(self.storage, task.account_id, task.task_id)
            self._cleared.add(task.task_id)
        if forget:
            self.staged.forget(task.task_id)
