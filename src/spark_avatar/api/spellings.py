"""Addresses with a slash too many at their end.

They are answered as what they stand for. A redirect would have to name the server's address, which behind a proxy is not what
the request shows, and many clients send neither body nor key to where it leads.
"""

from starlette.routing import Router
from starlette.types import Receive, Scope, Send


class SlashAtTheEnd:
    """The router's last resort: asks it again without the slash."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._not_found = router.default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called when no route has matched."""
        path: str = scope["path"]
        shorter = path.rstrip("/")
        if scope["type"] == "http" and shorter not in ("", path):
            scope["path"] = shorter  # in place: log and metrics shall name what was answered
            await self._router(scope, receive, send)
        else:
            await self._not_found(scope, receive, send)
