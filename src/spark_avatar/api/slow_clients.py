"""Connections of clients that keep the server waiting are ended: whoever opens many and sends a byte now and then would hold
them all.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from spark_avatar.api.problems import error_body, status_of
from spark_avatar.api.request_ids import choose_request_id
from spark_avatar.errors import TooSlow

SLOWEST_BODY: Final = 8 * 1024
"""Bytes a second: a body that comes faster may take as long as it likes."""


class ImpatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on a client that takes longer than `timeout_keep_alive` seconds to send the head of a request, to
    take what it is sent, or that sends a body more slowly than `SLOWEST_BODY` after that time. What has sent some of a
    request, and waits for the answer, is told so (408).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None
        """Set for the first wait, and kept from one request to the next: it looks at what is waited for when it goes off."""
        self._writing: asyncio.TimerHandle | None = None
        self._latest: RequestResponseCycle | None = None
        self._since = 0.0
        self._received = 0
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._expect(body=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._waiting = False
        if self._timer is not None:
            self._timer.cancel()
        self._stop_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request; the first of it after another one begins to count."""
        if not self._waiting and (self._latest is None or self._latest.response_complete):
            self._expect(body=False)
        self._received += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is there, the body may follow."""
        super().on_headers_complete()
        self._latest = self.cycle
        self._expect(body=True)

    def on_message_complete(self) -> None:
        """All of the request is there: from now on the client waits."""
        super().on_message_complete()
        self._waiting = False

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        super().pause_writing()
        self._stop_writing()
        # Not `close`: that would wait until the client has taken the rest.
        self._writing = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def resume_writing(self) -> None:
        """It takes it again."""
        super().resume_writing()
        self._stop_writing()

    def _expect(self, *, body: bool) -> None:
        self._since, self._received, self._in_body = self.loop.time(), 0, body
        self._waiting = True
        if self._timer is None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        allowed = self.timeout_keep_alive + (self._received / SLOWEST_BODY if self._in_body else 0.0)
        left = self._since + allowed - self.loop.time()
        if self.flow.read_paused:  # it is we who do not read
            left = max(left, self.timeout_keep_alive)
        if left > 0:
            self._timer = self.loop.call_later(left, self._look)
            return
        self._waiting = False
        self._hang_up()

    def _hang_up(self) -> None:
        unanswered = self._latest is not None and not self._latest.response_started
        # A connection that was never used is closed without a word.
        if unanswered if self._in_body else self._received:
            self.transport.write(_refusal())
        self.transport.close()

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None


def _refusal() -> bytes:
    error, request_id = TooSlow(), choose_request_id(None)
    content = error_body(error.code, error.message, request_id).model_dump_json().encode()
    head = (
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
        f"x-request-id: {request_id}\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[status_of(error)] + head.encode("ascii") + content
