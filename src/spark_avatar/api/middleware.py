"""What surrounds every request: its id, its access log line, its metrics, and the answer to what nobody caught."""

import time
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_avatar import tracing
from spark_avatar.api.metrics import HttpMetrics
from spark_avatar.api.ports import Ports
from spark_avatar.api.problems import internal_error, not_started
from spark_avatar.api.request_ids import choose_request_id

_log = structlog.stdlib.get_logger("spark_avatar.access")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: logged at debug only."""


class RequestContext:
    """Pure ASGI, so that streams pass through unbuffered. The log line has no query string: links carry signatures there."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; other kinds of connections pass untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = choose_request_id(headers.get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                answered = MutableHeaders(scope=message)
                answered["X-Request-Id"] = request_id
                for name, value in scope["state"].get("rate_headers", {}).items():
                    answered.setdefault(name, value)  # a refusal has its own
            await send(message)

        started = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.span(scope["method"], parent=headers, served=True, request_id=request_id) as step,
        ):
            try:
                ports: Ports = scope["app"].state.ports
                if ports.started() or scope["path"] in _PROBES:
                    await self._app(scope, receive, send_with_id)
                else:
                    await not_started(request_id, headers.get("accept", ""))(scope, receive, send_with_id)
            except ClientDisconnect:
                pass  # in the middle of its request: there is nobody to answer, and nothing failed here
            except Exception:  # the outermost place: whatever it is, the caller gets a clean 500
                _log.exception("request failed", method=scope["method"], path=_printable(scope["path"]))
                if status:
                    raise  # half an answer is out: only closing the connection tells the caller
                await internal_error(request_id, headers.get("accept", ""))(scope, receive, send_with_id)
            finally:
                self._record(scope, status, time.perf_counter() - started, step)

    def _record(self, scope: Scope, status: int, seconds: float, step: tracing.Step) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        step.update_name(f"{scope['method']} {route}")
        step.set_attribute("http.response.status_code", status)
        self._metrics.observe(method=scope["method"], route=route, status=status, seconds=seconds)
        log = _log.debug if scope["path"] in _PROBES else _log.info
        log(
            "request",
            method=scope["method"],
            path=_printable(scope["path"]),
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _printable(path: str) -> str:
    """With every character that a terminal might obey, or nobody sees, as it stands in an address: anybody may ask for any path,
    and whoever reads the log must not run what they sent.
    """
    return "".join(char if char.isprintable() else quote(char, errors="replace") for char in path)
