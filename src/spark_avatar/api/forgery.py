"""Keeps other sites from acting in the name of a signed-in user (cross-site request forgery).

A browser sends the session's cookie by itself, so a request that changes something must show two more things: that the
browser says it comes from our own pages, and a token that only our own pages know.
"""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from spark_avatar.accounts.sessions import is_csrf_token
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.errors import NotAllowed

TOKEN_HEADER: Final = "X-CSRF-Token"  # noqa: S105 - its name
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_other_sites(request: Request, ports: Ports) -> None:
    """Raises `NotAllowed` where the browser says that another site's page sends this. Programs say nothing, and may go on."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site != "same-origin" if site is not None else origin is not None and not _is_own(origin, request, ports)
    if foreign:
        raise NotAllowed("The request comes from another site's page.")


def refuse_forgery(request: Request, ports: Ports, secret: str) -> None:
    """Raises `NotAllowed` for a change by cookie that does not prove to come from our own pages."""
    if request.method in _SAFE_METHODS:
        return
    refuse_other_sites(request, ports)
    if not is_csrf_token(request.headers.get(TOKEN_HEADER, ""), secret):
        raise NotAllowed(f"The `{TOKEN_HEADER}` header is missing or wrong: `GET /api/v1/session` tells the token.")


def _is_own(origin: str, request: Request, ports: Ports) -> bool:
    return origin in (_origin_of(base_url(ports, request)), _origin_of(str(request.base_url)))


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
