"""Which servers are alive: each run of a server holds a lock on a file of its own.

The system drops a lock the moment its holder dies, however it dies; so the next server knows at once, not after a lease,
which tasks were left behind.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from spark_avatar.private_files import make_private_folder

_LOCK_SECONDS = 5.0
_log = logging.getLogger(__name__)


class ServerPresence:
    """The lock of this run, and those of the dead. Alive as long as the object is kept."""

    def __init__(self, folder: Path) -> None:
        """Takes a new id and its lock in `folder`, which is made where it is missing."""
        make_private_folder(folder)
        self._folder = folder
        self.server_id = secrets.token_hex(8)
        """The prefix of this run's worker names."""
        self._lock = _lock(self._path)
        self._lock.acquire(timeout=_LOCK_SECONDS)  # another server may be looking whether we are dead

    @property
    def _path(self) -> Path:
        return self._folder / f"{self.server_id}.lock"

    def bury_dead(self, hand_back: Callable[[str], None]) -> int:
        """Calls `hand_back` with the id of every dead server, then forgets it; returns how many there were. What
        `hand_back` raises is logged, and that server is tried again the next time.
        """
        buried = 0
        for path in sorted(self._folder.glob("*.lock")):
            if path != self._path:
                buried += self._bury(path, hand_back)
        return buried

    def withdraw(self) -> None:
        """Says that this run has ended in good order: nothing is left behind."""
        self._path.unlink(missing_ok=True)
        self._lock.release()

    def _bury(self, path: Path, hand_back: Callable[[str], None]) -> bool:
        lock = _lock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False  # alive
        try:
            hand_back(path.stem)
            path.unlink(missing_ok=True)
        except Exception:  # noqa: BLE001 - whatever it was, the next sweep tries again
            _log.exception("the tasks of a dead server could not be handed back", extra={"server": path.stem})
            return False
        finally:
            lock.release()
        _log.warning("a dead server's tasks were handed back", extra={"server": path.stem})
        return True


def _lock(path: Path) -> FileLock:
    return FileLock(path, thread_local=False, is_singleton=False)
