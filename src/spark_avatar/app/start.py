"""Starts a server's services as soon as the database answers; until then the server lives, and is not ready."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004 - none of the builtin is meant

from spark_avatar.database.patience import is_away

if TYPE_CHECKING:
    from spark_avatar.app.services import Services

_log = structlog.stdlib.get_logger(__name__)
_WAITING = "The database does not answer. Waiting for it; /readyz says when the server is ready.\n"


class PatientStart:
    """Begun and ended with the ASGI app."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._over = threading.Event()
        self._news = threading.Event()
        """Set when the first attempt has ended, however."""
        self._lock = threading.Lock()
        self._failure: Exception | None = None
        self._untold: Callable[[], str] | None = None
        self._thread = threading.Thread(target=self._run, name="start", daemon=True)

    def begin(self) -> None:
        """Returns when the services have started, or when they wait for the database. Raises what else goes wrong."""
        self._thread.start()
        self._news.wait()
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Waits no more; stops what was started."""
        self._over.set()
        self._thread.join()
        self.services.stop()

    def greet(self, text: Callable[[], str]) -> str:
        """The text, which is asked of the database; while that is away, what to say instead. The text is then printed later."""
        with self._lock:
            if not self.services.started.is_set():
                self._untold = text
                return _WAITING
        return _told(text)

    def _run(self) -> None:
        try:
            self.services.start(over=self._over, on_away=self._news.set)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self._failure = error
            if self._news.is_set():  # nobody waits for the outcome any more
                _log.exception("the server cannot start")
                signal.raise_signal(signal.SIGTERM)
        else:
            with self._lock:
                untold = self._untold
            if untold is not None and not self._over.is_set():
                sys.stdout.write(_told(untold))
                sys.stdout.flush()
        finally:
            self._news.set()


def _told(text: Callable[[], str]) -> str:
    try:
        return text()
    except (DBAPIError, TimeoutError) as error:
        if not is_away(error):
            raise
        return _WAITING
