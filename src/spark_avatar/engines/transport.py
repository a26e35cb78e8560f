"""HTTP to one remote server, with every wait and every size bounded.

The server's own headers (keys, tokens) go to that server only: redirects are followed by hand, and one that leaves the origin
loses them. What the server says may lead to another host, as files often lie elsewhere, but only to one within `Reach`. The
environment's proxies are ignored.
"""

import functools
import json
import math
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import httpx

from spark_avatar.engines.reach import Reach, nowhere_else

MAX_REDIRECTS: Final = 5
MAX_JSON_BYTES: Final = 64 * 1024 * 1024
"""A queue lists whole workflows, so answers may be long, but not endless."""
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_CONNECT_SECONDS: Final = 5.0
_JSON_SECONDS: Final = 30.0
"""For a whole answer: a server that trickles is as good as dead."""
_CHECK_SECONDS: Final = 0.25

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Unreachable(Exception):
    """No answer came."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent
        """Whether the request may have reached the server, and may have had its effect."""


class Malformed(Exception):
    """An answer that cannot be read: not JSON, of another shape, too long, cut short."""


@dataclass(frozen=True)
class Reply:
    """An answer that was read whole."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def fine(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    def document(self) -> dict[str, Any]:
        """The JSON object in it. Raises `Malformed`."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Malformed("it is not JSON") from error
        if not isinstance(found, dict):
            raise Malformed(f"it is a JSON {type(found).__name__}, not an object")
        return found

    def retry_after(self) -> float | None:
        """Seconds to wait, where the server says so, in numbers or by a date."""
        asked = self.headers.get("Retry-After", "")
        try:
            seconds = float(asked)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(asked).timestamp() - time.time()
            except (ValueError, OverflowError):
                return None
        return max(0.0, seconds) if math.isfinite(seconds) else None


@dataclass(frozen=True)
class Transport:
    """Requests to one server."""

    base_url: str
    """With its path, if it has one; without a trailing slash."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For this server only."""
    step_seconds: float = 20.0
    """How long the next bytes of an answer may take."""
    reach: Reach = nowhere_else
    """Which hosts besides this server's own may be downloaded from: a server that was taken over must not send us inside."""

    def get(self, path: str, *, params: Mapping[str, str] | None = None, seconds: float = _JSON_SECONDS) -> Reply:
        """Raises `Unreachable`, `Malformed`."""
        with self._open(self._url(path, params)) as response:
            return _read(response, seconds)

    def post(
        self,
        path: str,
        *,
        content: object = None,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        seconds: float = _JSON_SECONDS,
    ) -> Reply:
        """Sends `content` as JSON, or an empty body. Redirects are not followed. Raises `Unreachable`, `Malformed`."""
        body = {} if content is None else {"json": content}
        with self._send(self._client_request(method, path, headers, **body)) as response:
            return _read(response, seconds)

    def upload(self, path: str, *, part: str, name: str, media_type: str, file: Path, fields: Mapping[str, str]) -> Reply:
        """Sends a file as multipart/form-data. Raises `Unreachable`, `Malformed`."""
        with file.open("rb") as content:
            request = self._client_request("POST", path, None, files={part: (name, content, media_type)}, data=dict(fields))
            with self._send(request) as response:
                return _read(response, _JSON_SECONDS)

    def download(self, url: str, target: Path, *, limit: int, seconds: float, checkpoint: Callable[[], None]) -> int:
        """Streams `url`, absolute or a path of this server, into `target`; returns the status, and writes nothing unless it
        is a success. `checkpoint` is called between the pieces.

        Raises `Unreachable` (also when it takes longer than `seconds`), `Malformed` when it has more than `limit` bytes or
        ends early, or lies on a host that is out of reach, and what `checkpoint` raises.
        """
        address = url if url.startswith(("http://", "https://")) else self._url(url, None)
        with self._open(address) as response:
            if not response.is_success:
                return response.status_code
            with target.open("wb") as file:
                for piece in _pieces(response, seconds, limit):
                    checkpoint()
                    file.write(piece)
            return response.status_code

    def _url(self, path: str, params: Mapping[str, str] | None) -> str:
        return str(httpx.URL(self.base_url + path, params=params) if params else self.base_url + path)

    def _client_request(self, method: str, path: str, headers: Mapping[str, str] | None, **body: Any) -> httpx.Request:
        return httpx.Request(method, self._url(path, None), headers={**self.headers, **(headers or {})}, **body)

    @contextmanager
    def _open(self, url: str) -> Iterator[httpx.Response]:
        """GET, following redirects."""
        try:
            current = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise Malformed("it names a place that is no address") from error
        for _ in range(MAX_REDIRECTS + 1):
            with self._send(self._request_for(current)) as response:
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                current = _target(current, response.headers["Location"])
        raise Malformed(f"it redirects more than {MAX_REDIRECTS} times")

    def _request_for(self, url: httpx.URL) -> httpx.Request:
        """GET. Goes to the very address that was found within reach, whatever the name leads to a moment later; the header
        and the certificate still go by the name. Raises `Unreachable`, `Malformed`.
        """
        own = httpx.URL(self.base_url)
        if url.host == own.host:
            return httpx.Request("GET", url, headers=dict(self.headers) if _origin(url) == _origin(own) else {})
        host = url.raw_host.decode("ascii")
        try:
            addresses = self.reach(host, url.port or _DEFAULT_PORTS[url.scheme])
        except OSError as error:
            raise Unreachable("the host of its file is not known", sent=False) from error
        if not addresses:
            raise Malformed("it lies at an address that is not public")
        checked = url.copy_with(host=addresses[0], userinfo=b"")
        return httpx.Request("GET", checked, headers={"Host": url.netloc.decode("ascii")}, extensions={"sni_hostname": host})

    @contextmanager
    def _send(self, request: httpx.Request) -> Iterator[httpx.Response]:
        try:
            timeout = httpx.Timeout(self.step_seconds, connect=min(_CONNECT_SECONDS, self.step_seconds))
            request.extensions["timeout"] = timeout.as_dict()
            with httpx.Client(trust_env=False, verify=_tls()) as client:
                response = client.send(request, stream=True)
                try:
                    yield response
                finally:
                    response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable("it cannot be reached", sent=False) from error
        except httpx.TimeoutException as error:
            raise Unreachable("it does not answer in time", sent=True) from error
        except httpx.RemoteProtocolError as error:
            raise Unreachable("it broke off its answer", sent=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"the connection failed ({type(error).__name__})", sent=True) from error


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trusts the public authorities. Made once: it takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


def _read(response: httpx.Response, seconds: float) -> Reply:
    body = b"".join(_pieces(response, seconds, MAX_JSON_BYTES))
    return Reply(response.status_code, response.headers, body)


def _pieces(response: httpx.Response, seconds: float, limit: int) -> Iterator[bytes]:
    """The body, no more than `limit` bytes, in no more than `seconds`."""
    deadline, received = time.monotonic() + seconds, 0
    for piece in response.iter_bytes():  # as they come: filled up to a size, a trickle would be looked at when it is over
        received += len(piece)
        if received > limit:
            raise Malformed(f"it has more than {limit} bytes")
        if time.monotonic() > deadline:
            raise Unreachable(f"it did not finish its answer in {seconds:g} s", sent=True)
        yield piece


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _target(current: httpx.URL, location: str) -> httpx.URL:
    try:
        target = current.join(location)
    except httpx.InvalidURL as error:
        raise Malformed("it redirects to an address that is none") from error
    if target.scheme not in ("http", "https"):
        raise Malformed("it redirects to an address that is not http")
    return target


def wait(seconds: float, checkpoint: Callable[[], None]) -> None:
    """Sleeps in small pieces, so that a job that is no longer wanted ends soon."""
    until = time.monotonic() + seconds
    while True:
        checkpoint()
        rest = until - time.monotonic()
        if rest <= 0:
            return
        time.sleep(min(_CHECK_SECONDS, rest))
