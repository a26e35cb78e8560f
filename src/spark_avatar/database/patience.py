"""What is done about a database that does not answer."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError  # noqa: A004 - none of the builtin is meant

from spark_avatar.telemetry import Seldom

_PAUSE_SECONDS: Final = 2.0
_DISK_FULL: Final = "53100"
"""PostgreSQL's error code."""
_log = logging.getLogger(__name__)


def is_away(error: BaseException) -> bool:
    """Whether it says that the database does not answer, or has no connection to give: asked again later, it may."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, TimeoutError)


def outage_in(error: BaseException | None) -> str | None:
    """What the log says where this, or what it came from, is a database that is away or full; None for any other fault."""
    while error is not None:
        if isinstance(error, DBAPIError | TimeoutError) and is_away(error) and not _is_of_the_statement(error):
            what = "the database's disk is full" if is_full(error) else "the database does not answer"
            return f"{what}: {_first_line(error)}"
        error = error.__cause__
    return None


def _is_of_the_statement(error: DBAPIError | TimeoutError) -> bool:
    """SQLite's driver has one exception for a table that is missing and a file that cannot be opened."""
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def is_full(error: BaseException) -> bool:
    """Whether it says that the database's disk has no room."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    of_sqlite = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) == sqlite3.SQLITE_FULL
    return of_sqlite or getattr(cause, "sqlstate", None) == _DISK_FULL


@contextmanager
def unless_full() -> Iterator[None]:
    """For notes that may be missed, such as when a key was used: on a full disk reading goes on."""
    try:
        yield
    except DBAPIError as error:
        if not is_full(error):
            raise


def wait_for_database(
    call: Callable[[], None], *, over: threading.Event | None = None, on_away: Callable[[], None] | None = None
) -> bool:
    """Calls until the database answers, without a limit, or until `over` is set; returns whether it answered. Logs the first
    silence and then one line a minute. `on_away` is told of the first silence.

    Refusals are waited out too: a server that starts refuses for a while, and a database or user may be made later. What the
    log says tells one from the other.
    """
    over = over or threading.Event()
    began, complaint = time.monotonic(), Seldom()
    while not over.is_set():
        try:
            call()
        except (DBAPIError, TimeoutError) as error:
            if not is_away(error):
                raise
            if not complaint.said and on_away is not None:
                on_away()
            if complaint.due():
                _log.warning("the database does not answer; waiting for it", extra={"error": _first_line(error)})
            over.wait(_PAUSE_SECONDS)
        else:
            if complaint.said:
                _log.info("the database answers", extra={"seconds": round(time.monotonic() - began, 1)})
            return True
    return False


def _first_line(error: DBAPIError | TimeoutError) -> str:
    """The driver's own words: they name the address, never the password."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
