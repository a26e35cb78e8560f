"""Structured logs: structlog over the standard library, one line an event, with the request's and the task's id.

Ids travel in `structlog.contextvars`: whoever begins a request or a task binds `request_id` or `task_id`, and every line
logged below carries it, whichever thread it comes from.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import TextIO

import structlog

SECRET_NAMES = ("authorization", "api_key", "secret", "token", "password", "signature", "cookie")
"""Members whose name contains one of these are hidden, whatever they hold."""
HIDDEN = "[hidden]"
_QUIET_LOGGERS = ("httpx", "httpcore", "alembic", "asyncio", "multipart", "python_multipart")
"""Libraries that log what the product logs itself, or nothing that an operator needs."""


@dataclass(frozen=True)
class Logging:
    """How the server and its workers log."""

    json: bool = False
    level: str = "info"


PLAIN_LOGGING = Logging()


class Seldom:
    """Lets a complaint through that would be repeated every few seconds for as long as something is away: at once, then once a
    minute.
    """

    def __init__(self, seconds: float = 60.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._monotonic = seconds, monotonic
        self._said = float("-inf")

    def due(self) -> bool:
        """Whether it may be said now; then it has been."""
        now = self._monotonic()
        if now - self._said < self._seconds:
            return False
        self._said = now
        return True

    @property
    def said(self) -> bool:
        """Whether there was a complaint that has not been settled."""
        return self._said != float("-inf")

    def settle(self) -> None:
        """All is well: the next complaint is news."""
        self._said = float("-inf")


Outage = Callable[[BaseException], str | None]
"""What an exception says is away, in a line; None for one that says something else."""


def configure_logging(
    *, json: bool, level: str = "info", stream: TextIO | None = None, outage: Outage = lambda _error: None
) -> None:
    """Sends all logs of the process, the libraries' included, to stderr (or `stream`): JSON lines, or lines for people.
    Exceptions are logged with their traceback, unless `outage` has a line for them.

    `level` is `debug`, `info`, `warning` or `error`; raises `ValueError` for another.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f"unknown log level {level!r}")
    target = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _drop_colours,
        partial(_shorten, outage),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(json, colors=target.isatty()))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A structlog processor: replaces the values of members that are named like a secret."""
    for name in event:
        if any(secret in name.lower() for secret in SECRET_NAMES):
            event[name] = HIDDEN
    return event


def _drop_colours(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Uvicorn sends every message twice, the second time coloured."""
    event.pop("color_message", None)
    return event


def _shorten(outage: Outage, _logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A line takes the place of the traceback of an outage."""
    found = event.get("exc_info")
    error = sys.exception() if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException) and (line := outage(error)) is not None:
        del event["exc_info"]
        event["error"] = line
    return event


def _rendering(json: bool, *, colors: bool) -> list[structlog.typing.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    # Plain tracebacks: the pretty ones print local variables, and those hold secrets.
    if json:
        return [clean, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [clean, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
