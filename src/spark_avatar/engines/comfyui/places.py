"""Places on the servers, shared by the worker processes of a machine: a place is a locked file, and frees itself when its
process dies.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from spark_avatar.engines.comfyui.configuration import ServerAddress


@dataclass(frozen=True)
class Places:
    """The places of one server."""

    folder: Path
    server: ServerAddress

    def take(self) -> FileLock | None:
        """A free place, held until `release`; None when all are taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(self.server.concurrency):
            lock = FileLock(self.folder / f"{self._key}-{number}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            return lock
        return None

    @property
    def _key(self) -> str:
        return hashlib.sha256(self.server.url.encode()).hexdigest()[:16]
