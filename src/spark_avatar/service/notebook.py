"""The notes of a claimed task: which jobs it has elsewhere, kept in the store, so that they outlive the worker."""

import logging
from collections.abc import Mapping

from spark_avatar.errors import TaskNotFound
from spark_avatar.service.monitor import ClaimLost, HandedBack
from spark_avatar.tasks.store import StoreAway, TaskStore
from spark_avatar.tasks.task import Claim, Task

_log = logging.getLogger(__name__)


class TaskNotebook:
    """A `Notebook` for a claimed task."""

    def __init__(self, store: TaskStore, task: Task, claim: Claim) -> None:
        self._store = store
        self._task_id = task.id
        self._claim = claim

    def read(self, engine: str) -> Mapping[str, str]:
        """What the engine wrote last, in whichever attempt."""
        return self._store.notes(self._task_id).get(engine, {})

    def write(self, engine: str, note: Mapping[str, str]) -> None:
        """Raises `ClaimLost`."""
        if not self._store.note(self._task_id, self._claim, engine, note):
            raise ClaimLost

    def continues(self, reason: BaseException) -> bool:
        """Whether another attempt follows this one, which `reason` ends."""
        if isinstance(reason, (HandedBack, StoreAway)):
            return True
        if not isinstance(reason, ClaimLost):
            return False
        try:
            return not self._store.get(self._task_id).status.ended
        except TaskNotFound:
            return False
        except Exception:  # noqa: BLE001 - a job too many does less harm than one that is taken from another worker
            _log.exception("nobody knows whether the task goes on", extra={"task_id": self._task_id})
            return True
