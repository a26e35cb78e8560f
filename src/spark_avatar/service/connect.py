"""Network connections to checked addresses, with one deadline for everything.

The name is resolved once, the addresses are checked, and the connection goes to one of those very addresses: a name that
resolves differently the second time (DNS rebinding) gains nothing. Host header and certificate still go by the name.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from spark_avatar.service.addresses import IPAddress

_CONNECT_SECONDS = 10.0
"""For one address, so that a silent one leaves time for the next."""


class Deadline:
    """An end that is shared by all steps of a fetch."""

    def __init__(self, seconds: float, checkpoint: Callable[[], None] = lambda: None) -> None:
        self._end = time.monotonic() + seconds
        self._checkpoint = checkpoint

    def left(self, error: type[Exception] = TimeoutError) -> float:
        """Seconds left, always positive; raises `error` after the end, and whatever the checkpoint raises."""
        self._checkpoint()
        left = self._end - time.monotonic()
        if left <= 0:
            raise error("out of time")
        return left


def resolve(host: str, port: int, deadline: Deadline) -> list[IPAddress]:
    """All addresses of a host, in the resolver's order, each once. Raises `OSError` or `TimeoutError`.

    The system's resolver cannot be interrupted, so it runs in a thread that is left behind when time is up.
    """
    answers: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError("the name server did not answer") from None
    if isinstance(answer, OSError):
        raise answer
    if isinstance(answer, UnicodeError):
        raise OSError("no host name") from answer
    return list(dict.fromkeys(_address(info[4]) for info in answer))


def _address(sockaddr: tuple[Any, ...]) -> IPAddress:
    host, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) == 4 else 0
    return ipaddress.ip_address(f"{host}%{scope}" if scope and "%" not in host else host)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to the given addresses, whatever name is asked for."""

    def __init__(self, addresses: Sequence[IPAddress], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name was resolved and checked before
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """The first address that accepts; raises `httpcore.ConnectError` or `httpcore.ConnectTimeout`."""
        error: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            seconds = min(self._deadline.left(httpcore.ConnectTimeout), _CONNECT_SECONDS)
            try:
                stream = self._sockets.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
            else:
                return _DeadlineStream(stream, self._deadline)
        raise error


class _DeadlineStream(httpcore.NetworkStream):
    """Gives every read and write the time that is left of the whole, so that a host that sends a byte now and then, in the
    headers or the body, cannot hold a worker.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        seconds = self._deadline.left(httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
