"""Takes up what dead workers left: their tasks, their folders, their half-written files."""

import logging
import shutil
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from spark_avatar.errors import GenerationError, TimedOut
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.service.workdirs import live_names, workdir_name
from spark_avatar.storage.keys import attempt_keys, task_prefix
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.store import TaskStore
from spark_avatar.tasks.task import Claim, Task, TaskFailure
from spark_avatar.telemetry import Seldom

_log = logging.getLogger(__name__)


class OutputStorage(Storage, Protocol):
    """A storage that can be cleaned of writes that a dead process began."""

    def sweep(self, prefix: str = "", *, older_than: timedelta = timedelta(hours=1)) -> int:
        """Removes unfinished writes under the prefix that nobody went on with for that long; returns how many."""
        ...


@dataclass(frozen=True)
class Recovery:
    """Safe to run at any time, beside live workers and other servers on the same store: a task moves only if the claim
    that is given up is still its claim, and only files of such claims are removed.
    """

    store: TaskStore
    storage: OutputStorage
    work_dir: Path
    max_attempts: int = 3
    leases: LeaseWatch = field(default_factory=LeaseWatch)
    clock: Clock = utc_now
    other_folders: Callable[[], set[str]] = set
    """Names of scratch folders that are in use for work that is no task."""

    def worker_ended(self, worker: str, *, overdue: bool = False, counted: bool = True) -> None:
        """A worker process is known to be dead. Its task is queued again; it fails when it was killed for taking too long,
        or when its attempts are used up. `counted=False`: it was stopped in good order, and the attempt does not count.
        """
        for task, claim in self._claims():
            if claim.worker != worker:
                continue
            if overdue:
                self._fail_overdue(task, claim, dead=True)
            else:
                self._give_up(task, claim, counted=counted, dead=True)

    def server_ended(self, server_id: str) -> None:
        """A server and, with it, all its workers are known to be dead."""
        for task, claim in self._claims():
            if claim.worker.startswith(f"{server_id}/"):
                self._give_up(task, claim, counted=True, dead=True)

    def sweep(self, *, overdue: Collection[str] = ()) -> None:
        """Takes up tasks whose lease has lapsed, and removes folders that no running task owns. To be called several times in
        the length of a lease. Tasks of the workers in `overdue`, which were last heard of after their time was over, fail.
        """
        claims = self._claims()
        lapsed = self.leases.lapsed((task.id, claim) for task, claim in claims)
        for task, claim in claims:
            if (task.id, claim) in lapsed:
                if claim.worker in overdue:
                    self._fail_overdue(task, claim, dead=False)
                else:
                    self._give_up(task, claim, counted=True, dead=False)
        self.remove_orphans()

    def _claims(self) -> list[tuple[Task, Claim]]:
        return [(task, task.claim) for task in self.store.running() if task.claim is not None]

    def _give_up(self, task: Task, claim: Claim, *, counted: bool, dead: bool) -> None:
        if counted and claim.attempt >= self.max_attempts:
            times = "once" if claim.attempt == 1 else f"{claim.attempt} times"
            message = (
                f"The worker died {times} while it made this video; gave up after {claim.attempt} attempts. Try other inputs."
            )
            self._fail(task, claim, GenerationError.code, message, dead=dead)
            return
        if dead:  # nobody writes there any more, and the next attempt may have the same number
            self._remove_workdir(task, claim)
        if self.store.hand_back(task.id, claim, count_attempt=counted):
            _log.warning("task queued again", extra={"task_id": task.id, "attempt": claim.attempt, "worker": claim.worker})
            if counted:
                self._remove_attempt(task, claim, dead=dead)

    def _fail_overdue(self, task: Task, claim: Claim, *, dead: bool) -> None:
        self._fail(task, claim, TimedOut.code, "The task took too long, did not answer, and was ended.", dead=dead)

    def _fail(self, task: Task, claim: Claim, code: str, message: str, *, dead: bool) -> None:
        facts: dict[str, object] = {"attempts": claim.attempt}
        if dead:
            self._remove_workdir(task, claim)
        if self.store.fail(task.id, claim, TaskFailure(code, message), metadata=facts, now=self.clock()):
            _log.error("task given up", extra={"task_id": task.id, "attempt": claim.attempt, "code": code})
            self._remove_attempt(task, claim, dead=dead)
            for attempt in range(1, claim.attempt):
                self._delete(task, attempt)

    def _remove_attempt(self, task: Task, claim: Claim, *, dead: bool) -> None:
        """The claim is void: what its worker stored, or still stores, is nobody's. The next attempt has a key of its own."""
        self._delete(task, claim.attempt)
        if dead:
            self.storage.sweep(task_prefix(task.account_id, task.id), older_than=timedelta(0))

    def _delete(self, task: Task, attempt: int) -> None:
        for key in attempt_keys(task.account_id, task.id, attempt):
            self.storage.delete(key)

    def _remove_workdir(self, task: Task, claim: Claim) -> None:
        shutil.rmtree(self.work_dir / workdir_name(task.id, claim.attempt), ignore_errors=True)

    def remove_orphans(self) -> None:
        """Removes scratch folders of this machine that no claim owns. Lists the folders before it asks for the claims: a folder
        is made after its claim, so none of a live worker's is taken for an orphan.
        """
        folders = list(self.work_dir.iterdir()) if self.work_dir.is_dir() else []
        if not folders:
            return
        live = live_names(self.store.running()) | self.other_folders()
        for folder in folders:
            if folder.name not in live:
                shutil.rmtree(folder, ignore_errors=True)
                _log.warning("an orphaned folder was removed", extra={"folder": folder.name})


class Sweeper:
    """Repeats a step of housekeeping from a thread of its own."""

    def __init__(self, step: Callable[[], None], *, seconds: float, first_seconds: float | None = None) -> None:
        self._step = step
        self._first = seconds if first_seconds is None else first_seconds
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begins after `first_seconds`, by default one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when no step is under way."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        pause, complaint = self._first, Seldom()
        while not self._over.wait(pause):
            pause = self._seconds
            try:
                self._step()
            except Exception:  # noqa: BLE001 - the next round may find the store again
                if complaint.due():
                    _log.exception("housekeeping failed; it is tried again")
            else:
                complaint.settle()
