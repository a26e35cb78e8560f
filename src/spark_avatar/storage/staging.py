"""Local files on their way in. obstore writes `name#1` (`#2`, ... where that exists) beside `name`, then renames it; a
process that is killed in between leaves it there. Listing and reading do not show such files.
"""

import os
import re
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

_STAGED: Final = re.compile(r".+#\d+")


def sweep(root: Path, prefix: str, older_than: timedelta) -> int:
    """Removes staged files whose key would start with the prefix and that nobody wrote to for this long, then the folders
    that this empties. Returns how many files were removed.
    """
    latest = time.time() - older_than.total_seconds()
    removed = 0
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names if _STAGED.fullmatch(name)):
            if path.relative_to(root).as_posix().startswith(prefix) and _remove(path, latest):
                _remove_empty(path.parent, root)
                removed += 1
    return removed


def make_durable(path: Path) -> None:
    """Has the disk keep a renamed file, and its name, through a power cut; renaming alone survives only a dead process."""
    if sys.platform == "win32":  # it opens no folders, and writes names through by itself
        return
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path, latest: float) -> bool:
    # It may have been renamed since it was found: then it is whole.
    with suppress(FileNotFoundError):
        if path.stat().st_mtime <= latest:
            path.unlink()
            return True
    return False


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or another process was first
            return
        folder = folder.parent
