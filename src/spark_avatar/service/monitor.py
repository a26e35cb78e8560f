"""Watches one task while it runs: tells the store how far it is, and ends it when it must end."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol

from spark_avatar.errors import Canceled, TimedOut
from spark_avatar.service.clock import Clock
from spark_avatar.tasks.task import Claim, Task, TaskId
from spark_avatar.telemetry import Seldom
from spark_avatar.tracing import Stages

_REPORT_SECONDS = 0.3
_REPORT_STEP = 0.02

_log = logging.getLogger(__name__)


class ClaimLost(Canceled):
    """The task is no longer this worker's: it was handed to another, or it has ended."""


class HandedBack(Canceled):
    """The worker has to stop, and another will run the task."""


class ClaimKeeper(Protocol):
    """Keeps claims, as `TaskStore` does."""

    def renew(self, task_id: TaskId, claim: Claim, *, lease_until: datetime) -> bool:
        """Keeps the claim alive."""
        ...

    def report(self, task_id: TaskId, claim: Claim, *, progress: float, stage: str) -> bool:
        """Records progress."""
        ...


class Heartbeat:
    """Keeps a claim alive from a thread of its own, so that a long step of the engine does not cost the task."""

    def __init__(self, store: ClaimKeeper, task: Task, claim: Claim, *, lease_seconds: float, clock: Clock) -> None:
        self._store = store
        self._task_id = task.id
        self._claim = claim
        self._lease = timedelta(seconds=lease_seconds)
        self._clock = clock
        self._complaint = Seldom()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.lost = False
        """Whether the store said that the claim is void."""

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def beat(self) -> None:
        """Renews the lease now."""
        try:
            if not self._store.renew(self._task_id, self._claim, lease_until=self._clock() + self._lease):
                self.lost = True
        except Exception:  # noqa: BLE001 - a lease outlives a database that is away for a moment
            if self._complaint.due():
                _log.exception("a lease could not be renewed", extra={"task_id": self._task_id})
        else:
            self._complaint.settle()

    def _run(self) -> None:
        while not self.lost and not self._over.wait(self._lease.total_seconds() / 3):
            self.beat()


class TaskMonitor:
    """A `RenderMonitor` for a claimed task. The render is the stretch from `start` to `end` of the whole task."""

    def __init__(
        self,
        store: ClaimKeeper,
        task: Task,
        claim: Claim,
        heartbeat: Heartbeat,
        *,
        seconds: float,
        must_stop: Callable[[], bool],
        look_again: Callable[[], bool],
        start: float,
        end: float,
    ) -> None:
        self._store = store
        self._task_id = task.id
        self._claim = claim
        self._heartbeat = heartbeat
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._must_stop = must_stop
        self._look_again = look_again
        self._start, self._end = start, end
        self._reported_at = float("-inf")
        self._reported = ("", 0.0)
        self._stages = Stages("stage")

    def __enter__(self) -> "TaskMonitor":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stages.end()

    def checkpoint(self) -> None:
        """Raises `ClaimLost`, `HandedBack` or `TimedOut`."""
        if self._look_again():
            self._heartbeat.beat()
        if self._heartbeat.lost:
            raise ClaimLost
        if self._must_stop():
            raise HandedBack
        if time.monotonic() > self._deadline:
            raise TimedOut(
                f"The task took longer than {self._seconds:g} s and was ended: shorten the recording, or ask for a lower "
                "resolution or frame rate.",
                facts={"limit_seconds": self._seconds},
            )

    def progress(self, fraction: float, stage: str) -> None:
        """Tells the store, at most every 0.3 s and for every stage or 2 % of news. Raises `ClaimLost`."""
        self._stages.enter(stage)
        done = self._start + (self._end - self._start) * min(max(fraction, 0.0), 1.0)
        last_stage, last_done = self._reported
        now = time.monotonic()
        news = stage != last_stage or done - last_done >= _REPORT_STEP
        if not news or (now - self._reported_at < _REPORT_SECONDS and stage == last_stage):
            return
        self._reported, self._reported_at = (stage, done), now
        if not self._store.report(self._task_id, self._claim, progress=done, stage=stage):
            raise ClaimLost
