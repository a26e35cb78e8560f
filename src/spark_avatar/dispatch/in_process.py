"""Workers as child processes of the server, with a thread that looks after them."""

import itertools
import logging
import multiprocessing.connection
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from spark_avatar.dispatch.control import Command
from spark_avatar.dispatch.worker_process import WorkerProcess, WorkerTarget

_TICK_SECONDS = 0.25
_ABORT_SECONDS = 5.0
"""For handing a task back, before the process is killed."""
_RETRY_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 30.0
_FIRST_BACKOFF_SECONDS = 0.25

_log = logging.getLogger(__name__)


class WorkerEnd(StrEnum):
    """Why a worker process ended."""

    CRASHED = "crashed"
    """On its own, or killed by someone else."""
    OVERDUE = "overdue"
    """Killed: its task took longer than `hard_seconds`."""
    STOPPED = "stopped"
    """It drained, or the server stopped."""


OnEnd = Callable[[str, WorkerEnd], None]
"""Told of every worker that has ended, by name; hands back what it held. Called from the dispatcher's thread."""


class Room(Protocol):
    """The disk that the workers work on."""

    @property
    def is_short(self) -> bool:
        """Whether there is too little room to begin anything."""
        ...

    @property
    def free_bytes(self) -> int:
        """What may still be written."""
        ...

    @property
    def least_bytes(self) -> int:
        """With less free no work is begun."""
        ...


@dataclass
class _Slot:
    """A place for a worker."""

    worker: WorkerProcess | None = None
    killed_for: WorkerEnd | None = None
    next_try_at: float = 0.0
    """Monotonic time before which nothing is started or handed back again."""
    failures: int = 0
    """Workers in a row that ended before they finished a task."""


class InProcessDispatcher:
    """Keeps a number of worker processes alive and wakes them. Implements `Dispatcher`.

    Workers are named `{prefix}/{n}`, every new process by a number of its own, so that a claim of a dead one is never taken
    for its successor's.
    """

    def __init__(
        self,
        target: WorkerTarget,
        args: tuple[Any, ...] = (),
        *,
        workers: int,
        prefix: str,
        on_end: OnEnd,
        hard_seconds: float = float("inf"),
        room: Room | None = None,
    ) -> None:
        """`hard_seconds`: a worker that is busy with one task for longer is killed. `room`: a worker takes nothing while it is
        short.
        """
        self._target = target
        self._args = args
        self._prefix = prefix
        self._on_end = on_end
        self._hard_seconds = hard_seconds
        self._room = room
        self._full = False
        self._numbers = itertools.count(1)
        self._slots = [_Slot() for _ in range(workers)]
        self._ready = workers == 0
        self._stop_at: float | None = None
        self._abort_at = float("inf")
        self._thread = threading.Thread(target=self._supervise, name="dispatcher", daemon=True)
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._woken = False

    def start(self) -> None:
        """Starts the workers; returns at once."""
        self._thread.start()

    def wake(self, engine: str) -> None:  # noqa: ARG002 - every worker here takes every task
        """Says that a task was queued; never blocks or raises."""
        # A wake-up that is not passed on yet will be heard for this task too, which is stored.
        if self._slots and not self._woken:
            self._woken = True
            self._ring()

    def top_up(self, waiting: Mapping[str, int]) -> None:
        """Nothing: workers of this process look by themselves, twice a second."""

    def look_again(self) -> None:
        """Nothing: they are told at their next report, within a third of a second."""

    def ready(self) -> bool:
        """Whether some worker takes tasks: those that are full do not, and those that are busy will. Without any workers others
        must, and the answer is yes.
        """
        return self._ready and self._stop_at is None

    def stop(self, *, grace_seconds: float) -> None:
        """Lets running tasks finish for `grace_seconds`, then has them handed back; returns when every worker has ended."""
        if self._stop_at is None:
            self._abort_at = time.monotonic() + grace_seconds
            self._stop_at = time.monotonic()
            self._ring()
        if self._thread.ident is not None:
            self._thread.join()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # full: it will be heard anyway
            os.write(self._bell_in, b"!")

    def _supervise(self) -> None:
        told: Command | None = None
        while self._stop_at is None or any(slot.worker for slot in self._slots):
            try:
                self._listen()
                for slot in self._slots:
                    self._look_after(slot)
                if self._stop_at is not None:
                    told = self._wind_down(told)
            except Exception:  # noqa: BLE001 - without this thread no task would run any more
                _log.exception("the dispatcher failed; it goes on")
                time.sleep(_TICK_SECONDS)

    def _listen(self) -> None:
        """Waits for reports, deaths and the bell; passes wake-ups on."""
        workers = [slot.worker for slot in self._slots if slot.worker is not None and slot.worker.process.exitcode is None]
        sources = [source for worker in workers for source in (worker.reports, worker.process.sentinel)]
        multiprocessing.connection.wait([*sources, self._bell_out], timeout=self._patience())
        with suppress(BlockingIOError):
            os.read(self._bell_out, 4096)
        for worker in workers:
            worker.listen()
        self._look_for_room(workers)
        takes = any(worker.ready and (worker.busy_since is not None or not self._full) for worker in workers)
        self._ready = not self._slots or takes
        if self._woken:
            self._woken = False
            self._tell(workers, Command.WAKE)

    def _look_for_room(self, workers: Iterable[WorkerProcess]) -> None:
        """The workers share a disk, so that those that are not busy become full together, and one line tells it. What a task
        writes itself makes nobody full, where there is no other worker.
        """
        if self._room is None or not any(worker.busy_since is None for worker in workers):
            return
        with suppress(OSError):  # a disk that cannot be asked is not known to be full
            full = self._room.is_short
            if full == self._full:
                return
            facts = {"free_bytes": self._room.free_bytes, "needed": self._room.least_bytes}
            if full:
                _log.warning("the disk is full: no tasks are taken", extra=facts)
            else:
                _log.info("there is room on the disk again: tasks are taken", extra=facts)
            self._full = full

    def _patience(self) -> float:
        """0 when a worker is to be started now."""
        now = time.monotonic()
        due = self._stop_at is None and any(slot.worker is None and slot.next_try_at <= now for slot in self._slots)
        return 0.0 if due else _TICK_SECONDS

    def _look_after(self, slot: _Slot) -> None:
        worker = slot.worker
        if worker is None:
            if self._stop_at is None and time.monotonic() >= slot.next_try_at:
                self._start_worker(slot)
        elif worker.process.exitcode is not None:
            if time.monotonic() >= slot.next_try_at:
                self._bury(slot, worker)
        elif worker.busy_since is not None and time.monotonic() - worker.busy_since > self._hard_seconds:
            _log.error("worker killed: its task takes too long", extra={"worker": worker.name})
            slot.killed_for = WorkerEnd.OVERDUE
            worker.kill()

    def _start_worker(self, slot: _Slot) -> None:
        name = f"{self._prefix}/{next(self._numbers)}"
        try:
            slot.worker = WorkerProcess(self._target, self._args, name)
        except OSError:  # out of processes or memory
            _log.exception("worker could not be started", extra={"worker": name})
            self._back_off(slot)

    def _bury(self, slot: _Slot, worker: WorkerProcess) -> None:
        """Has the worker's task handed back; when that fails, again a little later."""
        exitcode = worker.process.exitcode
        # One that leaves in the middle of a task has crashed, whatever code it leaves with.
        in_order = exitcode == 0 and worker.busy_since is None
        end = slot.killed_for or (WorkerEnd.STOPPED if in_order else WorkerEnd.CRASHED)
        try:
            self._on_end(worker.name, end)
        except Exception:  # noqa: BLE001 - a database that is away must not end the supervision
            _log.exception("the tasks of a worker could not be handed back", extra={"worker": worker.name})
            slot.next_try_at = time.monotonic() + _RETRY_SECONDS
            if self._stop_at is None or time.monotonic() < self._abort_at:
                return
        if end is WorkerEnd.CRASHED:
            _log.error("worker died", extra={"worker": worker.name, "exitcode": exitcode})
        if worker.finished:
            slot.failures = 0
        slot.worker, slot.killed_for = None, None
        if end is WorkerEnd.CRASHED:
            self._back_off(slot)
        worker.close()

    def _back_off(self, slot: _Slot) -> None:
        """A first death is answered at once; workers that keep dying are started ever more rarely."""
        if slot.failures:
            pause = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (slot.failures - 1), _LONGEST_BACKOFF_SECONDS)
            slot.next_try_at = time.monotonic() + pause
        slot.failures += 1

    def _wind_down(self, told: Command | None) -> Command:
        """Drain, then abort, then kill; returns what the workers were told last."""
        workers = [slot.worker for slot in self._slots if slot.worker is not None]
        now = time.monotonic()
        if told is None:
            self._tell(workers, Command.DRAIN)
        if now < self._abort_at:
            return told or Command.DRAIN
        if told is not Command.ABORT:
            self._tell(workers, Command.ABORT)
        if now >= self._abort_at + _ABORT_SECONDS:
            for slot in self._slots:
                if slot.worker is not None:
                    slot.killed_for = slot.killed_for or WorkerEnd.STOPPED
                    slot.worker.kill()
        return Command.ABORT

    @staticmethod
    def _tell(workers: Iterable[WorkerProcess], command: Command) -> None:
        for worker in workers:
            worker.tell(command)
