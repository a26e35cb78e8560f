"""Whether everything that is stored fits together: books, records and files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from spark_avatar.errors import ObjectNotFound
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.storage.keys import shown_keys
from spark_avatar.storage.storage import ObjectKey, Storage, StoredObject
from spark_avatar.tasks.records import TaskRecord
from spark_avatar.tasks.task import AccountId, TaskId, TaskStatus

_KINDS: Final = ("inputs/", "outputs/", "work/")
_PARTS: Final = 3
"""Of a file's key, behind its kind: account, task, name."""
_GRACE: Final = timedelta(minutes=2)
"""A younger file may belong to a task that is just being stored, completed or removed."""


class TaskRecords(Protocol):
    """Knows all tasks."""

    def records(self) -> Iterator[TaskRecord]:
        """All tasks, in no order."""
        ...


@dataclass(frozen=True)
class FileAudit:
    """Compares files with the tasks that they belong to. Safe beside running servers: it looks at the files first, so that what
    is stored or removed meanwhile is not taken for a fault, and looks again at what it would complain of.
    """

    storage: Storage
    tasks: TaskRecords
    work_dir: Path
    grace: timedelta = _GRACE
    clock: Clock = utc_now

    def faults(self) -> list[str]:
        """What is wrong, in words; nothing when all is right."""
        stored, tasks = self._look()
        missing = [fault for task in tasks.values() for fault in self._missing(task, stored)]
        strays = [f"the file {stray.key} belongs to no task that there is" for stray in self._strays(stored, tasks)]
        return [*missing, *strays, *self._folders(tasks)]

    def sweep(self) -> list[ObjectKey]:
        """Removes files that no task names, and returns which those were."""
        strays = self._strays(*self._look())
        for stray in strays:
            self.storage.delete(stray.key)
        return [stray.key for stray in strays]

    def _look(self) -> tuple[dict[str, StoredObject], dict[tuple[AccountId, TaskId], TaskRecord]]:
        stored: dict[str, StoredObject] = {found.key: found for kind in _KINDS for found in self.storage.list(kind)}
        return stored, {(task.account_id, task.id): task for task in self.tasks.records()}

    def _missing(self, task: TaskRecord, stored: dict[str, StoredObject]) -> Iterator[str]:
        if task.status is not TaskStatus.COMPLETED:
            return
        if not task.outputs:
            yield f"task {task.id} is completed, and has no output"
        for output in task.outputs:
            found = stored.get(output.key) or self._again(output.key)
            if found is None:
                yield f"task {task.id} is completed, and its file {output.key} is gone"
            elif found.size != output.size:
                yield f"the file {output.key} has {found.size} bytes instead of {output.size}"

    def _strays(self, stored: dict[str, StoredObject], tasks: dict[tuple[AccountId, TaskId], TaskRecord]) -> list[StoredObject]:
        latest = self.clock() - self.grace
        old = [found for found in stored.values() if found.modified_at is None or found.modified_at <= latest]
        return [found for found in old if not _belongs(found, tasks) and self._again(found.key) is not None]

    def _folders(self, tasks: dict[tuple[AccountId, TaskId], TaskRecord]) -> Iterator[str]:
        # Of the task itself, or of one of its segments.
        running = tuple(f"{task.id}-" for task in tasks.values() if task.status is TaskStatus.RUNNING)
        latest = (self.clock() - self.grace).timestamp()
        for folder in self.work_dir.iterdir() if self.work_dir.is_dir() else ():
            if not folder.name.startswith(running) and folder.exists() and folder.stat().st_mtime <= latest:
                yield f"the work folder {folder.name} belongs to no task that runs"

    def _again(self, key: str) -> StoredObject | None:
        try:
            return self.storage.head(ObjectKey(key))
        except ObjectNotFound:
            return None


@dataclass(frozen=True)
class Audit:
    """All checks together."""

    books: Callable[[], list[str]]
    rows: Callable[[], list[str]]
    files: FileAudit

    def faults(self) -> dict[str, list[str]]:
        """What is wrong, by what was looked at."""
        return {"books": self.books(), "records": self.rows(), "files": self.files.faults()}


def _belongs(found: StoredObject, tasks: dict[tuple[AccountId, TaskId], TaskRecord]) -> bool:
    kind, *parts = found.key.split("/")
    task = tasks.get((AccountId(parts[0]), TaskId(parts[1]))) if len(parts) == _PARTS else None
    if task is None:
        return False
    if not task.status.ended or kind == "inputs":
        return True
    return found.key in {key for output in task.outputs for key in shown_keys(output.key)}
