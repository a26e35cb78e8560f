"""A process beside the server for what is heavy, rare and must not harm it: started by the first call, ended when idle."""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from spark_avatar.errors import QueueFull, SparkAvatarError

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)


class HelperProcess:
    """Runs functions, one at a time, in a process that stays warm for a while. Safe for any number of threads."""

    def __init__(self, *, idle_seconds: float = 120.0, call_seconds: float = 30.0, most_waiting: int = 8) -> None:
        """The process ends after `idle_seconds` without a call, and is killed when a call takes longer than `call_seconds`.
        Calls beyond `most_waiting` at once are refused.
        """
        self._idle_seconds = idle_seconds
        self._call_seconds = call_seconds
        self._places = threading.BoundedSemaphore(most_waiting)
        self._turn = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None
        self._idle: threading.Timer | None = None

    def call(self, function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        """What the function returns or raises; both must be picklable, as the function and its arguments. Raises `QueueFull`
        when too many wait, when the call took too long, and when the process died of it.
        """
        if not self._places.acquire(blocking=False):
            raise QueueFull("Too many files are being looked at: try again in a moment.")
        try:
            with self._turn:
                return self._call(function, args, kwargs)
        finally:
            self._places.release()

    def stop(self) -> None:
        """Ends the process, and with it a call that is under way; the next call starts another."""
        process = self._process
        if process is not None:
            with suppress(ValueError):  # it is just being ended
                process.kill()
        with self._turn:
            self._end()

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def _call(self, function: Callable[..., _Result], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Result:
        if self._idle is not None:
            self._idle.cancel()
        line = self._started()
        try:
            line.send((function, args, kwargs))
            if not line.poll(self._call_seconds):
                raise TimeoutError
            succeeded, outcome = line.recv()
        except (EOFError, OSError, TimeoutError) as error:
            _log.warning("the helper process failed", extra={"reason": type(error).__name__})
            self._end()
            raise QueueFull("The file could not be looked at in time: try again, or another file.") from None
        self._idle = threading.Timer(self._idle_seconds, self._end_when_free)
        self._idle.daemon = True
        self._idle.start()
        if not succeeded:
            raise outcome
        result: _Result = outcome
        return result

    def _started(self) -> Connection:
        if self._process is not None and self._line is not None and self._process.is_alive():
            return self._line
        self._end()
        context = multiprocessing.get_context("spawn")  # forking a process with threads is not safe
        self._line, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), name="helper", daemon=True)
        self._process.start()
        far_end.close()
        return self._line

    def _end_when_free(self) -> None:
        """The timer's: a call that is under way has set, or will set, another timer."""
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None


def _serve(line: Connection) -> None:
    """In the process: until the other end closes, as by a server that died."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal, and is the server's to answer
    with suppress(EOFError, OSError):
        while True:
            function, args, kwargs = line.recv()
            try:
                outcome = (True, function(*args, **kwargs))
            except SparkAvatarError as error:
                outcome = (False, error)
            line.send(outcome)
