"""Who works: each worker process says every few seconds that it is there, and what it does."""

import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol

import structlog

from spark_avatar.telemetry import Seldom

BEAT_SECONDS = 5.0
SILENT_SECONDS = 4 * BEAT_SECONDS
"""A worker that was not heard for so long is not counted on."""
_SHORTEST_PAUSE_SECONDS = 1.0

_log = structlog.stdlib.get_logger(__name__)


class WorkerState(StrEnum):
    """What a worker does."""

    STARTING = "starting"
    """Its engine loads."""
    IDLE = "idle"
    BUSY = "busy"
    FULL = "full"
    """Its disk is full: it takes nothing until there is room."""
    DRAINING = "draining"
    """It ends as soon as its task has."""


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as it was heard last. Times are ages in seconds, by the database's clock."""

    name: str
    host: str
    pid: int
    engines: tuple[str, ...]
    """What it can run; empty for everything."""
    version: str
    state: WorkerState
    task_id: str | None
    busy_seconds: float
    """How long it had been at its task; 0 without one."""
    started_ago: float
    seen_ago: float

    @property
    def silent(self) -> bool:
        """Whether it is probably dead."""
        return self.seen_ago > SILENT_SECONDS


class Roster(Protocol):
    """Where workers sign in."""

    def sign(
        self,
        name: str,
        *,
        host: str,
        pid: int,
        engines: Collection[str],
        version: str,
        state: WorkerState,
        task_id: str | None,
        busy_seconds: float,
    ) -> None:
        """Says that the worker is there now."""

    def leave(self, name: str) -> None:
        """Forgets a worker that has ended."""

    def all(self) -> list[WorkerRecord]:
        """Every worker that has not left, by name."""
        ...

    def forget_silent(self, seconds: float) -> int:
        """Forgets those that were not heard for so long; returns how many there were."""
        ...


class Attendance:
    """One worker's own line in the roster, kept up by a thread. A database that is away does not disturb the worker."""

    def __init__(
        self, roster: Roster, name: str, *, engines: Collection[str], version: str, is_full: Callable[[], bool] = lambda: False
    ) -> None:
        """`is_full` is asked at every beat."""
        self._roster = roster
        self._name = name
        self._engines = tuple(engines)
        self._version = version
        self._is_full = is_full
        self._complaint = Seldom()
        self._state = WorkerState.STARTING
        self._task: tuple[str, float] | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attendance", daemon=True)

    def __enter__(self) -> "Attendance":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        """The worker ends in good order."""
        self._over.set()
        self._news.set()
        self._thread.join()
        try:
            self._roster.leave(self._name)
        except Exception:  # noqa: BLE001 - it will be forgotten when it has been silent for long
            _log.warning("could not sign out", worker=self._name)

    def note(self, state: WorkerState, task_id: str | None = None) -> None:
        """What the worker does from now on. Returns at once; the roster learns of it within about a second."""
        self._state = state
        self._task = (task_id, time.monotonic()) if task_id is not None else None
        self._news.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self._news.clear()
            self._sign()
            if not self._over.wait(_SHORTEST_PAUSE_SECONDS):  # many short tasks must not write as often
                self._news.wait(BEAT_SECONDS - _SHORTEST_PAUSE_SECONDS)

    def _sign(self) -> None:
        task_id, since = self._task or (None, time.monotonic())
        try:
            self._roster.sign(
                self._name,
                host=socket.gethostname(),
                pid=os.getpid(),
                engines=self._engines,
                version=self._version,
                state=WorkerState.FULL if self._state is WorkerState.IDLE and self._is_full() else self._state,
                task_id=task_id,
                busy_seconds=time.monotonic() - since,
            )
        except Exception:  # noqa: BLE001 - the next beat may find the database again
            if self._complaint.due():
                _log.warning("could not sign in", worker=self._name)
        else:
            self._complaint.settle()
