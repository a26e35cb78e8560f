"""Runs an ASGI app on a socket."""

import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from spark_avatar.api.slow_clients import ImpatientProtocol
from spark_avatar.errors import ConfigurationError

_LAST_ANSWERS_SECONDS = 3
"""For requests under way when the server stops."""


class _AnnouncedServer(uvicorn.Server):
    """Prints its address once it answers, and what else there is to say; tells when it begins to stop, before it waits for
    the answers under way.
    """

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None], greeting: Callable[[str], str]) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            url = _url(sockets[0])
            sys.stdout.write(f"Spark Avatar listens on {url}\n{self._greeting(url)}")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp, *, host: str, port: int, client_seconds: int, on_stop: Callable[[], None], greeting: Callable[[str], str]
) -> None:
    """Serves until SIGINT or SIGTERM, then calls `on_stop` and ends. Port 0 picks a free one. A client that keeps a connection
    waiting for `client_seconds` loses it. `greeting` makes lines to print from the server's URL, once it answers.

    Raises `ConfigurationError` when the address cannot be had.
    """
    config = uvicorn.Config(
        app,
        lifespan="on",
        http=ImpatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=client_seconds,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
    )
    with _listener(host, port) as listener, suppress(KeyboardInterrupt):
        _AnnouncedServer(config, on_stop, greeting).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket; raises `ConfigurationError` where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another with --port.") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - a name to show, not to bind
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
