"""The line between a server and one of its worker processes: single bytes through two pipes.

Pipes, not multiprocessing's events and locks: a process that is killed while it holds a lock leaves it locked for all, and
nothing tells the others. A pipe that loses its other end says so at once, which is also how a worker learns that its
server is dead.
"""

import os
import threading
from enum import Enum
from multiprocessing.connection import Connection

_READ_BYTES = 64


class Command(bytes, Enum):
    """What a server tells a worker."""

    WAKE = b"w"
    """Something was queued."""
    DRAIN = b"d"
    """Finish what is running, then end."""
    ABORT = b"a"
    """Hand back what is running, then end."""


class Report(bytes, Enum):
    """What a worker tells its server."""

    READY = b"r"
    BUSY = b"b"
    IDLE = b"i"


class WorkerControl:
    """A worker's end of the line."""

    def __init__(self, commands: Connection, reports: Connection) -> None:
        self._commands = commands
        self._reports = reports
        self._woken = threading.Event()
        self._draining = False
        self._aborting = False

    @property
    def draining(self) -> bool:
        """Whether no further task may be taken."""
        return self._draining

    @property
    def aborting(self) -> bool:
        """Whether the running task must be handed back now."""
        return self._aborting

    def look_again(self) -> bool:
        """Never: whose claim was taken away learns it at its next report."""
        return False

    def listen(self) -> None:
        """Starts to hear the server; from now on this process ends at once when the server does."""
        threading.Thread(target=self._listen, name="server-commands", daemon=True).start()

    def drain(self) -> None:
        """As if the server had said so. Only sets a flag, so a signal handler may call it."""
        self._draining = True

    def wait(self, seconds: float) -> None:
        """Until something was queued, work has to end, or the time is over."""
        self._woken.wait(seconds)
        self._woken.clear()

    def ready(self) -> None:
        """Tells that this worker takes tasks."""
        self._report(Report.READY)

    def busy(self) -> None:
        """Tells that a task is running."""
        self._report(Report.BUSY)

    def idle(self) -> None:
        """Tells that the task has ended."""
        self._report(Report.IDLE)

    def _report(self, report: Report) -> None:
        try:
            os.write(self._reports.fileno(), report)
        except BrokenPipeError:
            os._exit(1)

    def _listen(self) -> None:
        while True:
            received = os.read(self._commands.fileno(), _READ_BYTES)
            if not received:
                # The server is dead. Its successor hands the task back: whatever this process still did would be in vain.
                os._exit(1)
            self._aborting |= Command.ABORT.value in received
            self._draining |= self._aborting or Command.DRAIN.value in received
            self._woken.set()
