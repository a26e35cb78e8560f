"""Sends messages to hosts that strangers name, guarded like the fetching of inputs."""

import ssl
from dataclasses import dataclass

import httpcore

from spark_avatar.errors import InvalidOptions
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.connect import CheckedBackend, Deadline, resolve
from spark_avatar.service.http_source import core_url, port_of, public_tls
from spark_avatar.service.urls import parse_url


class NotSent(Exception):
    """No answer came; says why, without anything that the target's network could be mapped by."""


class _Faults:
    def invalid(self, reason: str) -> InvalidOptions:
        return InvalidOptions(f"the address {reason}")


@dataclass(frozen=True)
class HttpSender:
    """Posts to public addresses, and to those that are allowed. Redirects are not followed; answers are not read."""

    allow: AllowList
    tls: ssl.SSLContext | None = None
    """For https; by default the public authorities are trusted."""

    def post(self, url: str, headers: dict[str, str], body: bytes, *, seconds: float) -> int:
        """The status of the answer; raises `NotSent`."""
        deadline = Deadline(seconds)
        try:
            target = parse_url(url, _Faults())
            host = target.raw_host.decode("ascii")
            addresses = [a for a in resolve(host, port_of(target), deadline) if self.allow.permits(host, a)]
            if not addresses:
                raise NotSent("not a public address")
            sent = [
                (b"Host", target.netloc),
                (b"User-Agent", b"spark-avatar"),
                (b"Connection", b"close"),
                (b"Content-Length", str(len(body)).encode()),
                *((name.encode(), value.encode()) for name, value in headers.items()),
            ]
            backend = CheckedBackend(addresses, deadline)
            with (
                httpcore.ConnectionPool(ssl_context=self.tls or public_tls(), network_backend=backend, max_connections=1) as pool,
                pool.stream("POST", core_url(target), headers=sent, content=body) as response,
            ):
                return response.status
        except InvalidOptions as error:
            raise NotSent(error.message) from None
        except (httpcore.TimeoutException, TimeoutError):
            raise NotSent("no answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            raise NotSent("could not be reached") from None
