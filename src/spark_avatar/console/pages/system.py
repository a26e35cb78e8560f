"""The state of the server, for those who run it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The system page."""
    pages = APIRouter()

    @pages.get("/system")
    def show(request: Request) -> Response:
        return console.page(request, "system.html", title="System", section="system", operators_only=True)

    return pages
