"""What the system and the database refuse, as errors of ours: whoever runs the command can mend it, and a traceback tells how to
no better than one line does. A fault that may be the program's own keeps its traceback.
"""

import errno
import sqlite3
import sys
from typing import Final

from spark_avatar.errors import ConfigurationError, DatabaseUnavailable, SparkAvatarError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_REFUSED: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
"""Not that a file is missing: one that was named is looked for before, any other would be our fault."""
_SQLITE_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SQLITE_REFUSED: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_SQLITE_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_PRIMARY: Final = 0xFF
"""SQLite's extended codes keep the primary one in their lowest byte."""
_NO_ROOM: Final = "The disk is full: make room, then try again."


def mendable(error: Exception) -> SparkAvatarError | None:
    """What to say of a fault that the user can mend; None for any other."""
    if isinstance(error, OSError):
        return _of_system(error)
    if "sqlalchemy" in sys.modules:  # else no database was opened, and the import would cost more than the command
        from sqlalchemy.exc import DBAPIError

        from spark_avatar.database.patience import is_away

        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return _unreachable(cause or error) if is_away(error) else None
        return _of_sqlite(cause)
    return _of_sqlite(error) if isinstance(error, sqlite3.Error) else None


def _of_system(error: OSError) -> SparkAvatarError | None:
    if error.errno in _FULL:
        return SparkAvatarError(_NO_ROOM)
    if error.errno in _REFUSED and error.filename is not None:
        return ConfigurationError(f"{error.filename} cannot be used: {error.strerror}. Mend its owner and mode, or name another.")
    return None


def _of_sqlite(error: sqlite3.Error) -> SparkAvatarError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return SparkAvatarError(_NO_ROOM)
    if code == sqlite3.SQLITE_IOERR:  # the files beside the database that share memory say so of a full disk too
        return SparkAvatarError(f"The disk with the database fails, or is full: {error}.")
    if code in _SQLITE_BUSY:
        return DatabaseUnavailable("The database is busy with the work of other processes: try again later.")
    if code in _SQLITE_REFUSED:
        return ConfigurationError(
            f"The database cannot be used: {error}. "
            "Mend owner and mode of the data folder (SPARK_AVATAR_DATA_DIR, --data-dir) and of the files in it."
        )
    if code in _SQLITE_DAMAGED:
        return ConfigurationError(f"The database is damaged, or is none: {error}. Restore a backup.")
    return None


def _unreachable(error: BaseException) -> SparkAvatarError:
    """In the driver's first line: it names address, database and user, never the password."""
    words = str(error).strip().partition("\n")[0]
    return DatabaseUnavailable(f"The database of SPARK_AVATAR_DATABASE_URL cannot be used: {words}")
