"""The worker's side: Celery's process with its children, each of which has one warm engine and runs one task at a time.

The parent only passes messages on. It opens no database, no storage and no engine: their threads and locks would not survive
the fork. Children open their own, and end by themselves when the parent is dead.
"""

import logging
import mmap
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

from celery import Celery, signals
from celery.exceptions import Reject
from celery.worker.control import control_command
from kombu import Queue

from spark_avatar.dispatch.celery_queue.broker import LOOK, LOOK_AGAIN, open_broker, queue_of

_RUN, _DRAIN, _ABORT = 0, 1, 2
_STAGE, _RECALLS = 0, 1
"""Bytes of the memory that the parent shares with its children."""
_READ_BYTES: Final = 64
_ABORT_SECONDS: Final = 10.0
"""For handing tasks back."""
_RESTART_SECONDS: Final = 2.0
"""Between two children that cannot start."""

_log = logging.getLogger(__name__)


class QueueControl:
    """What the parent tells its children, seen from either side. Made before the fork."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 2)
        self._line_out, self._line_in = os.pipe()
        self._leaving = False
        self._recalls_seen = 0

    @property
    def draining(self) -> bool:
        """Whether no further task may be taken."""
        return self._leaving or self._shared[_STAGE] >= _DRAIN

    @property
    def aborting(self) -> bool:
        """Whether the running task must be handed back now."""
        return self._leaving or self._shared[_STAGE] >= _ABORT

    def look_again(self) -> bool:
        """Whether a claim may have been taken away since this was last asked."""
        recalls = self._shared[_RECALLS]
        news, self._recalls_seen = recalls != self._recalls_seen, recalls
        return news

    def drain(self, *, then_abort_after: float) -> None:
        """In the parent: no more tasks; those that run get so many seconds, then they are handed back. A child that does not
        do even that loses its parent, and with it its life.
        """
        self._shared[_STAGE] = max(self._shared[_STAGE], _DRAIN)
        for seconds, step in ((then_abort_after, self._abort), (then_abort_after + _ABORT_SECONDS, self._give_up)):
            timer = threading.Timer(seconds, step)
            timer.daemon = True
            timer.start()

    def recall(self) -> None:
        """In the parent: children ask whether their task is still theirs."""
        self._shared[_RECALLS] = (self._shared[_RECALLS] + 1) % 256

    def leave(self) -> None:
        """In a child: it alone ends."""
        self._leaving = True

    @property
    def leaving(self) -> bool:
        """Whether this child ends, whatever the parent does."""
        return self._leaving

    def follow_the_parent(self) -> None:
        """In a child: from now on it ends at once when the parent does."""
        os.close(self._line_in)
        threading.Thread(target=self._listen, name="parent", daemon=True).start()

    def _abort(self) -> None:
        self._shared[_STAGE] = _ABORT

    def _give_up(self) -> None:
        _log.error("a task could not be handed back in time; its lease will lapse")
        os._exit(1)

    def _listen(self) -> None:
        while os.read(self._line_out, _READ_BYTES):
            pass
        os._exit(1)  # whatever this process still did would be in vain: nobody can stop it


class Shift(Protocol):
    """A child's work."""

    def look(self) -> bool:
        """Takes a task and brings it to an end, if one waits. False when another worker has to look."""

    def end(self) -> None:
        """The child ends in good order."""


def run_queue_worker(
    url: str,
    *,
    engines: Collection[str],
    concurrency: int,
    open_shift: Callable[[QueueControl], Shift],
    hard_seconds: float,
    drain_seconds: float,
) -> int:
    """Works until SIGTERM or SIGINT; returns the exit status. `open_shift` is called in every new child, which is killed when
    one `look` takes longer than `hard_seconds`. On SIGTERM running tasks get `drain_seconds` before they are handed back.
    """
    app, control, child = open_broker(url), QueueControl(), _Child(open_shift)
    app.conf.task_queues = [
        Queue(queue_of(e), routing_key=queue_of(e), queue_arguments={"x-queue-type": "quorum"}) for e in engines
    ]
    app.conf.task_time_limit = hard_seconds

    def look() -> None:
        child.look(control)

    def look_again(_state: Any) -> None:
        control.recall()

    def begin(**_facts: Any) -> None:
        child.begin(control)

    def end(**_facts: Any) -> None:
        child.end()

    def shut_down(**_facts: Any) -> None:
        control.drain(then_abort_after=drain_seconds)

    def keep_logging(**_facts: Any) -> None:
        """Celery leaves the logs as they are when somebody answers this."""

    app.task(name=LOOK)(look)
    control_command(name=LOOK_AGAIN)(look_again)
    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.worker_shutting_down.connect(shut_down, weak=False)
    signals.setup_logging.connect(keep_logging, weak=False)
    return _serve(app, concurrency)


def _serve(app: Celery, concurrency: int) -> int:
    worker = app.Worker(
        concurrency=concurrency,
        hostname=f"spark-avatar-{os.getpid()}-{secrets.token_hex(4)}@{socket.gethostname()}",
        pool="prefork",
        optimization="fair",
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,  # of Celery's own events; the roster is ours
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


class _Child:
    """A child's shift, and how it is begun and ended."""

    def __init__(self, open_shift: Callable[[QueueControl], Shift]) -> None:
        self._open_shift = open_shift
        self._shift: Shift | None = None
        self._busy = False

    def begin(self, control: QueueControl) -> None:
        control.follow_the_parent()
        try:
            self._shift = self._open_shift(control)
        except Exception:  # noqa: BLE001 - Celery would go on with a child that can do nothing, and that takes messages
            _log.exception("a worker process could not start; another takes its place")
            time.sleep(_RESTART_SECONDS)
            os._exit(1)

    def look(self, control: QueueControl) -> None:
        assert self._shift is not None
        if control.draining:
            raise Reject(requeue=True)
        # Not in `begin`: the pool sets a handler of its own after that, which breaks off whatever is under way.
        signal.signal(signal.SIGTERM, lambda _number, _frame: self._leave(control))
        self._busy, looked = True, True
        try:
            looked = self._shift.look()
        except Exception:  # noqa: BLE001 - the lease lapses, and recovery takes the task up
            _log.exception("a task was left unfinished")
        finally:
            self._busy = False
        if control.leaving:
            self._exit()
        if control.aborting or not looked:
            raise Reject(requeue=True)  # it was handed back, perhaps: another worker looks

    def end(self) -> None:
        shift, self._shift = self._shift, None
        if shift is not None:
            shift.end()

    def _leave(self, control: QueueControl) -> None:
        """SIGTERM, which a service manager sends to children too: the task is handed back first. The pool sends it a moment
        before it kills a child whose time is over, and whoever buries that one must find what it held.
        """
        control.leave()
        if not self._busy:
            self._exit()

    def _exit(self) -> None:
        self.end()
        os._exit(0)
