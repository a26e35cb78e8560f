"""What SQLite needs to serve several threads and processes at once."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Dialect, Engine, event

from spark_avatar.private_files import make_folder_of, make_private_file

_PATIENCE: Final = 10.0
"""Seconds to wait for another process's transaction. Those take milliseconds; a slow disk's checkpoint may take longer."""
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}",
    # An accepted task survives a power cut. Measured with 10,000 tasks stored, 200 creates and 200 polls a second, two
    # workers beside: creates p99 9-14 ms (NORMAL: 4-5 ms), polls p99 4-8 ms (2 ms). The limits are 50 and 15 ms.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

_making: Final = threading.Lock()
_turns: Final[WeakKeyDictionary[Engine, threading.Lock]] = WeakKeyDictionary()


def is_file(url: URL) -> bool:
    """Whether the URL names a file. A database in memory belongs to one connection: no second process could see it."""
    return bool(url.database) and url.database != ":memory:" and "mode=memory" not in str(url.database)


def url_of(file: Path) -> str:
    """The URL of a database in this file, whatever characters its path has."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def make_folder(url: URL) -> None:
    """Makes the folder that the file lives in, for its owner only."""
    assert url.database is not None
    make_folder_of("SPARK_AVATAR_DATABASE_URL", Path(url.database).parent)


def configure(engine: Engine) -> None:
    """Sets every new connection up. Nothing begins a transaction but `begin_writing` and `begin_reading`."""
    event.listen(engine, "do_connect", _make_file)
    event.listen(engine, "connect", _set_up)
    _turns[engine] = threading.Lock()


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Lets one thread of this process write at a time. SQLite would let the others ask again and again, with ever longer pauses
    between, and whoever asks at the right moment goes first.
    """
    lock = _turns[engine]
    mine = lock.acquire(timeout=_PATIENCE)  # who waits for longer fails as it does when another process is in the way
    try:
        yield
    finally:
        if mine:
            lock.release()


def begin_writing(connection: Connection) -> None:
    """Takes the write lock at once. A transaction that began as a reader and wrote later would fail, without waiting, when
    another had written in between (SQLITE_BUSY_SNAPSHOT).
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def begin_reading(connection: Connection) -> None:
    """Until the connection is closed, it sees the database as it is at its first statement."""
    connection.exec_driver_sql("BEGIN")


def _make_file(_dialect: Dialect, _record: object, arguments: list[str], _options: object) -> None:
    """Before SQLite makes it, readable by all. Its journals get the mode of the file that they belong to.

    One thread at a time: to close a file ends all locks that this process has on it, and another's connection may have some.
    """
    (name,) = arguments
    if name.startswith("file:"):  # a URI has its own say whether there may be a new file
        return
    with _making, suppress(OSError):  # it is there; or SQLite says what is wrong
        make_private_file(Path(name))


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
