"""The cookie that holds a session's secret."""

from typing import Final, Literal

from fastapi import Request
from starlette.responses import Response

from spark_avatar.api.ports import Ports, base_url

_PLAIN: Final = "spark_session"
_BOUND: Final = "__Host-spark_session"
"""Browsers take a cookie of such a name from this very host only, over TLS: no neighbour can plant one (RFC 6265bis, 4.1.3.2)."""
_SAME_SITE: Final[Literal["lax"]] = "lax"


def is_secure(request: Request, ports: Ports) -> bool:
    """Whether browsers reach this server over TLS."""
    return base_url(ports, request).startswith("https://")


def session_secret(request: Request, ports: Ports) -> str | None:
    """What the browser's cookie holds."""
    return request.cookies.get(_name(request, ports)) or None


def set_session(response: Response, secret: str, request: Request, ports: Ports, *, seconds: int) -> None:
    """Gives the browser a session. Scripts cannot read it, and other sites' requests that change things go without it."""
    response.set_cookie(
        _name(request, ports),
        secret,
        max_age=seconds,
        path="/",
        secure=is_secure(request, ports),
        httponly=True,
        samesite=_SAME_SITE,
    )


def clear_session(response: Response, request: Request, ports: Ports) -> None:
    """Takes it away."""
    response.delete_cookie(_name(request, ports), path="/", secure=is_secure(request, ports), httponly=True, samesite=_SAME_SITE)


def _name(request: Request, ports: Ports) -> str:
    return _BOUND if is_secure(request, ports) else _PLAIN
