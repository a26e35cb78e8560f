"""Forgets what has become old: ended tasks with their files, uploads, inputs; and files that no task names."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from spark_avatar.errors import ObjectNotFound, TaskNotFound
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.generation import KEY_LIFE
from spark_avatar.service.recovery import OutputStorage
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.storage.keys import owner_of, shown_keys
from spark_avatar.storage.links import ALWAYS, LINK_PATH, LinkSigner
from spark_avatar.storage.storage import StoredObject
from spark_avatar.tasks.store import TaskStore
from spark_avatar.tasks.task import Task

_BATCH: Final = 200
_ORPHAN_AGE: Final = timedelta(days=1)
"""A younger file may belong to a task that is just being stored or completed."""
_ORPHAN_INTERVAL: Final = timedelta(days=1)
"""Looking for files without a task asks the store for every file."""

_log = logging.getLogger(__name__)


@dataclass
class Retention:
    """Safe to run beside live workers and other servers. An age of None stands for keeping."""

    store: TaskStore
    storage: OutputStorage
    files: TaskFiles
    signer: LinkSigner
    """Of the links by which tasks name uploads."""
    task_age: timedelta | None
    """Of ended tasks and their files, since their end."""
    input_age: timedelta | None
    """Of uploads, and of inputs that came inside requests, since they were stored. Those that an open task needs stay."""
    clock: Clock = utc_now
    _orphans_due: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    def sweep(self) -> None:
        """Removes what is too old. Files go before the record that names them: what fails half way is taken up next time."""
        now = self.clock()
        counts = {"tasks": self._forget_tasks(now), "inputs": self._remove_inputs(now)}
        if now >= self._orphans_due:
            counts["orphans"] = self._remove_orphans(now)
            self._orphans_due = now + _ORPHAN_INTERVAL
        self.store.forget_keys(used_before=now - KEY_LIFE)
        self.storage.sweep()
        if any(counts.values()):
            _log.info("old data removed", extra=counts)

    def _forget_tasks(self, now: datetime) -> int:
        if self.task_age is None:
            return 0
        forgotten = 0
        while batch := self.store.ended_before(now - self.task_age, limit=_BATCH):
            for task in batch:
                self.files.remove(task)
                self.store.remove(task.id)
            forgotten += len(batch)
        return forgotten

    def _remove_inputs(self, now: datetime) -> int:
        if self.input_age is None:
            return 0
        latest = now - self.input_age
        old = [stored for stored in self.storage.list("uploads/") if _is_older(stored, latest)]
        if old:
            named = {self.signer.key_from_url(url, ALWAYS) for url in self.store.addresses_of_open(f"{LINK_PATH}uploads/")}
            old = [stored for stored in old if stored.key not in named]
        old += [stored for stored in self.storage.list("inputs/") if _is_older(stored, latest) and not self._is_open(stored)]
        return self._remove(old)

    def _remove_orphans(self, now: datetime) -> int:
        latest = now - _ORPHAN_AGE
        old = [stored for stored in self.storage.list("outputs/") if _is_older(stored, latest) and not self._is_named(stored)]
        old += [stored for stored in self.storage.list("inputs/") if _is_older(stored, latest) and self._task_of(stored) is None]
        old += [stored for stored in self.storage.list("work/") if _is_older(stored, latest) and not self._is_open(stored)]
        return self._remove(old)

    def _remove(self, found: list[StoredObject]) -> int:
        for stored in found:
            self.storage.delete(stored.key)
        return len(found)

    def _is_open(self, stored: StoredObject) -> bool:
        """Whether a task that may still run needs the file."""
        task = self._task_of(stored)
        return task is not None and not task.status.ended

    def _is_named(self, stored: StoredObject) -> bool:
        """Whether the file is an output of its task or the picture of one, or may become it."""
        task = self._task_of(stored)
        if task is None:
            return False
        named = {key for output in task.outputs for key in shown_keys(output.key)}
        return not task.status.ended or stored.key in named

    def _task_of(self, stored: StoredObject) -> Task | None:
        try:
            account_id, task_id = owner_of(stored.key)
            return self.store.get(task_id, account_id=account_id)
        except (ObjectNotFound, TaskNotFound):
            return None


def age(amount: timedelta) -> timedelta | None:
    """A setting's value as an age: nothing stands for keeping."""
    return amount or None


def _is_older(stored: StoredObject, latest: datetime) -> bool:
    return stored.modified_at is not None and stored.modified_at < latest
