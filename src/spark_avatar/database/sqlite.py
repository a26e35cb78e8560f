"""What SQLite needs to serve several threads and processes at once."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, event

READ_ONLY: Final = "spark_avatar_read_only"
"""Execution option of connections that only read."""

_PATIENCE: Final = 10.0
"""Seconds to wait for another process's transaction. Those take milliseconds; a slow disk's checkpoint may take longer."""
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}",
    # An accepted task survives a power cut. Measured with 10,000 tasks stored, 200 creates and 200 polls a second, two
    # workers beside: creates p99 9-14 ms (NORMAL: 4-5 ms), polls p99 4-8 ms (2 ms). The limits are 50 and 15 ms.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


def is_file(url: URL) -> bool:
    """Whether the URL names a file. A database in memory belongs to one connection: no second process could see it."""
    return bool(url.database) and url.database != ":memory:" and "mode=memory" not in str(url.database)


def make_folder(url: URL) -> None:
    """Makes the folder that the file lives in, for its owner only."""
    assert url.database is not None
    Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def configure(engine: Engine) -> None:
    """Sets every new connection up, and begins transactions explicitly."""
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions by itself: it would begin them late and as readers.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Readers see the last commit while a writer works. SQLite keeps the setting in the file, and does not wait for others
    while it changes it: of several processes that open a new file at once, some must try again.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer takes the write lock at once. One that began as a reader and wrote later would fail, without waiting, when
    # another had written in between (SQLITE_BUSY_SNAPSHOT).
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
