"""Downloads over http and https, from hosts that strangers name."""

from __future__ import annotations

import functools
import http
import logging
import ssl
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpcore
import httpx

from spark_avatar.service.addresses import AllowList, IPAddress
from spark_avatar.service.connect import CheckedBackend, Deadline, resolve
from spark_avatar.service.faults import ADVICE_PUBLIC, InputFaults
from spark_avatar.service.urls import DEFAULT_PORTS, parse_url

MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_CHUNK = 64 * 1024

_log = logging.getLogger(__name__)


@functools.cache
def public_tls() -> ssl.SSLContext:
    """Trusts the public authorities; the environment has no say."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True)
class _Redirect:
    target: httpx.URL


@dataclass(frozen=True)
class HttpSource:
    """Follows an address to its file."""

    allow: AllowList
    tls: ssl.SSLContext | None = None
    """For https; by default the public authorities are trusted."""

    def download(self, url: str, destination: Path, faults: InputFaults, deadline: Deadline) -> None:
        """Streams the file into `destination`.

        Raises the input's `...UrlInvalid` for an address that is malformed or refused, its errors for too many bytes and
        none, and `RemoteStatusError` when the host cannot be reached, does not answer with success, or takes too long.
        """
        current = parse_url(url, faults)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(current, destination, faults, deadline)
            if answer is None:
                return
            current = _checked_redirect(current, answer.target, faults)
        raise faults.remote(shown_host(current), f"redirects more than {MAX_REDIRECTS} times: give the file's final address")

    def _get(self, url: httpx.URL, destination: Path, faults: InputFaults, deadline: Deadline) -> _Redirect | None:
        host = shown_host(url)
        addresses = self._addresses(url, faults, deadline)
        try:
            with (
                httpcore.ConnectionPool(
                    ssl_context=self.tls or public_tls(), network_backend=CheckedBackend(addresses, deadline), max_connections=1
                ) as pool,
                pool.stream("GET", core_url(url), headers=_headers(url)) as response,
            ):
                return _receive(url, response, destination, faults)
        except (httpcore.TimeoutException, TimeoutError):
            raise faults.remote(host, "did not deliver the file in time: try again, or give a faster host") from None
        except httpcore.ConnectError as error:
            raise faults.remote(host, _connect_reason(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, zlib.error, UnicodeError) as error:
            _log.info("download broke off", extra={"host": host, "error": type(error).__name__})
            raise faults.remote(
                host, "broke off or answered with something that is not HTTP: try again, or give another host"
            ) from None

    def _addresses(self, url: httpx.URL, faults: InputFaults, deadline: Deadline) -> list[IPAddress]:
        host, shown = url.raw_host.decode("ascii"), shown_host(url)
        try:
            found = resolve(host, port_of(url), deadline)
        except TimeoutError:
            raise faults.remote(shown, "could not be resolved in time: try again") from None
        except OSError:
            raise faults.remote(shown, f"is not known to the name server: check the spelling, and {ADVICE_PUBLIC}") from None
        permitted = [address for address in found if self.allow.permits(host, address)]
        if not permitted:
            raise faults.invalid(f"leads to {shown}, which is not a public address: {ADVICE_PUBLIC}", host=shown)
        return permitted


def _checked_redirect(source: httpx.URL, target: httpx.URL, faults: InputFaults) -> httpx.URL:
    if source.scheme == "https" and target.scheme == "http":
        raise faults.remote(shown_host(source), "redirects from https to http, which is not followed: give the final address")
    return parse_url(str(target), faults)


def _receive(url: httpx.URL, response: httpcore.Response, destination: Path, faults: InputFaults) -> _Redirect | None:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status in _REDIRECTS and b"location" in headers:
        return _Redirect(_location(url, headers[b"location"], faults))
    if not 200 <= response.status < 300:
        raise faults.remote(
            shown_host(url),
            f"answered {_phrase(response.status)} instead of a file: check that the address is complete, public and not expired",
            status=response.status,
        )
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    length = headers.get(b"content-length", b"")
    if encoding == b"identity" and length.isdigit() and int(length) > faults.limit_bytes:
        raise faults.too_large(int(length))
    size = 0
    with destination.open("wb") as file:
        for chunk in _decoded(response, encoding, url, faults):
            size += len(chunk)
            if size > faults.limit_bytes:
                raise faults.too_large(None)
            file.write(chunk)
    if not size:
        raise faults.empty()
    return None


def _location(url: httpx.URL, location: bytes, faults: InputFaults) -> httpx.URL:
    try:
        return url.join(location.decode("utf-8"))
    except (httpx.InvalidURL, ValueError):
        raise faults.remote(shown_host(url), "redirects to something that is not an address: give the final address") from None


def _decoded(response: httpcore.Response, encoding: bytes, url: httpx.URL, faults: InputFaults) -> Iterator[bytes]:
    """The body in chunks of bounded size. We ask for no compression; some hosts compress all the same, and a small answer
    that unfolds into gigabytes must be stopped while it unfolds.
    """
    if encoding in (b"identity", b""):
        yield from response.iter_stream()
        return
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise faults.remote(shown_host(url), "compresses the file in a way that was not asked for: turn that off")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    for chunk in response.iter_stream():
        pending = chunk
        while pending and not inflater.eof:
            yield inflater.decompress(pending, _CHUNK)
            pending = inflater.unconsumed_tail
    yield inflater.flush()  # a few kilobytes at most: all input has been consumed
    if not inflater.eof:
        raise zlib.error("cut short")


def _connect_reason(error: Exception) -> str:
    if "CERTIFICATE" in str(error).upper():
        return "has a certificate that cannot be verified: correct it, or give another host"
    return f"could not be reached: check the address, and {ADVICE_PUBLIC}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def port_of(url: httpx.URL) -> int:
    """The port that is meant."""
    return url.port or DEFAULT_PORTS[url.scheme]


def shown_host(url: httpx.URL) -> str:
    """The host, and its port where it is unusual, as it may be told and logged."""
    return url.netloc.decode("ascii", "replace")[:255]


def core_url(url: httpx.URL) -> httpcore.URL:
    """The address as the transport takes it."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.netloc),
        (b"User-Agent", b"spark-avatar"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]
