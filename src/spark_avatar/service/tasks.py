"""The use cases of a task's owner: list, cancel, delete."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from spark_avatar.accounts.keys import Caller
from spark_avatar.errors import Canceled
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.tasks.store import ALL_TASKS, PageMark, TaskFilter, TaskStore
from spark_avatar.tasks.task import Task, TaskFailure, TaskId

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskPage:
    """A part of a list of tasks."""

    tasks: tuple[Task, ...]
    next_mark: PageMark | None
    """Where the next part begins; None where this is the last."""


@dataclass(frozen=True)
class TaskService:
    """What owners do with their tasks. `caller=None` stands for the operator, who owns all."""

    store: TaskStore
    files: TaskFiles
    on_cancel: Callable[[], None] = lambda: None
    """Called when a task was cancelled that a worker may be running."""
    clock: Clock = utc_now

    def page(self, *, caller: Caller, limit: int, only: TaskFilter = ALL_TASKS, after: PageMark | None = None) -> TaskPage:
        """At most `limit` of the caller's tasks, newest first."""
        found = self.store.recent(caller.account_id, limit=limit + 1, only=only, after=after)
        shown = tuple(found[:limit])
        more = len(found) > limit
        return TaskPage(shown, PageMark(shown[-1].created_at, shown[-1].id) if more else None)

    def position(self, task: Task) -> int:
        """How many tasks will be taken up before this one; 0 when it does not wait."""
        return self.store.ahead_of(task)

    def cancel(self, task_id: str, *, caller: Caller | None) -> tuple[Task, bool]:
        """Ends a task that waits or runs, with the code of a cancellation; its worker stops at its next checkpoint and
        leaves nothing. Returns the task as it then is, and whether this call ended it: one that had ended is left alone.

        Raises `TaskNotFound`, also for another account's task.
        """
        while True:
            task = self._get(task_id, caller)
            if task.status.ended:
                return task, False
            # Between the two calls a worker may take the task, end it or hand it back: then it is looked at again.
            failure = TaskFailure(Canceled.code, str(Canceled()))
            if self.store.fail(task.id, task.claim, failure, metadata={}, now=self.clock()):
                if task.claim is not None:
                    self.on_cancel()
                _log.info("task cancelled", extra={"task_id": task.id, "account_id": task.account_id})
                return self._get(task_id, caller), True

    def cancel_or_delete(self, task_id: str, *, caller: Caller) -> Task | None:
        """Cancels a task that has not ended, and returns it; deletes one that has, with its files, and returns None.

        A task that ends just before its cancellation is returned as it ended: its result was not asked to be deleted.
        Raises `TaskNotFound`, also for another account's task.
        """
        task = self._get(task_id, caller)
        if not task.status.ended:
            return self.cancel(task_id, caller=caller)[0]
        self.files.remove(task)  # before the record: a deletion that fails half way can be asked for again
        self.store.remove(task.id)
        _log.info("task deleted", extra={"task_id": task.id, "account_id": task.account_id})
        return None

    def _get(self, task_id: str, caller: Caller | None) -> Task:
        return self.store.get(TaskId(task_id), account_id=caller.account_id if caller is not None else None)
