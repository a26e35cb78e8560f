"""Which jobs of this machine's workers are on the servers, so that those of a worker that was killed can be cancelled.

A ticket is a file that its worker keeps locked. The system drops the lock when the worker dies, however it dies; the next
worker that looks finds the ticket free, and cancels its job before the task is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_SUFFIX = ".job"
_log = logging.getLogger(__name__)


@contextmanager
def ticket(folder: Path, prompt_id: str) -> Iterator[None]:
    """Held while a job is on a server. `folder` is the server's own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prompt_id}{_SUFFIX}"
    with FileLock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def cancel_orphans(folder: Path, cancel: Callable[[str], None]) -> None:
    """Calls `cancel` with the id of every job whose worker is dead. What it raises leaves the ticket for the next time."""
    for path in folder.glob(f"*{_SUFFIX}"):
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        try:
            _log.warning("cancelling the job of a dead worker", extra={"job": path.stem})
            cancel(path.stem)
            path.unlink(missing_ok=True)
        finally:
            lock.release()
