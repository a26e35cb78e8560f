"""One worker process, seen from the server."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from spark_avatar.dispatch.control import Command, Report, WorkerControl

WorkerTarget = Callable[..., None]
"""Called in the new process as `target(name, control, *args)`: a function of a module, so that it can be pickled."""

_READ_BYTES = 64
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WorkerProcess:
    """Starts a process and keeps the server's end of the line. Used by one thread."""

    def __init__(self, target: WorkerTarget, args: tuple[Any, ...], name: str) -> None:
        self.name = name
        self.started_at = time.monotonic()
        self.busy_since: float | None = None
        """Monotonic time at which the running task began."""
        self.ready = False
        self.finished = 0
        """Tasks that it ran to an end."""
        context = multiprocessing.get_context("spawn")  # forking a process with threads is not safe
        commands, self._commands = context.Pipe(duplex=False)
        self.reports, reports = context.Pipe(duplex=False)
        for connection in (self._commands, self.reports):
            os.set_blocking(connection.fileno(), False)
        self.process = context.Process(
            target=_main, args=(target, args, name, commands, reports), name=f"worker {name}", daemon=True
        )
        with _signals_held_back():
            self.process.start()
        commands.close()
        reports.close()

    def tell(self, command: Command) -> None:
        """Never blocks. A worker that is dead, or has not read the last few thousand commands, misses it."""
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._commands.fileno(), command)

    def listen(self) -> None:
        """Takes in what the worker has reported."""
        with suppress(BlockingIOError):
            while received := os.read(self.reports.fileno(), _READ_BYTES):
                for code in received:
                    self._note(Report(bytes((code,))))

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()

    def close(self) -> None:
        """Frees what a dead process leaves."""
        self.process.join()
        self.process.close()
        self._commands.close()
        self.reports.close()

    def _note(self, report: Report) -> None:
        if report is Report.READY:
            self.ready = True
        elif report is Report.BUSY:
            self.busy_since = time.monotonic()
        else:
            self.busy_since = None
            self.finished += 1


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """A new process inherits the mask: Ctrl-C while it starts waits until it has chosen what to do about it."""
    resource_tracker.ensure_running()  # its start changes the mask, so it must come first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _main(target: WorkerTarget, args: tuple[Any, ...], name: str, commands: Connection, reports: Connection) -> None:
    """In the worker: Ctrl-C reaches every process of the terminal, and is the server's to answer; SIGTERM means to finish."""
    control = WorkerControl(commands, reports)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: control.drain())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    control.listen()
    target(name, control, *args)
