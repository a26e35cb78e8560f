"""Whether there is room to work: a worker with a full disk takes nothing, and gives back what it could not finish."""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TOO_LARGE: Final = (
    "The video needs more disk space than this server has for one: shorten the recording, or ask for a lower resolution."
)
"""Told of work that filled the disk by itself."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class WorkRoom:
    """The disk that a worker's scratch folders lie on."""

    folder: Path
    """Need not be there yet."""
    least_bytes: int = 0
    """With less free no work is begun."""

    @property
    def free_bytes(self) -> int:
        """What this user may still write."""
        there = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        return shutil.disk_usage(there).free

    @property
    def is_short(self) -> bool:
        """Whether there is too little room to begin anything."""
        return self.least_bytes > 0 and self.free_bytes < self.least_bytes

    def caused(self, error: BaseException) -> bool:
        """Whether work ended in this error because others fill the disk; to be asked when the work's own folder is gone. Where
        there is room then, the work itself was too large, and would be again.
        """
        return is_disk_full(error) and self.is_short


def is_disk_full(error: BaseException) -> bool:
    """Whether it is, or comes from, a write for which there was no room."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
