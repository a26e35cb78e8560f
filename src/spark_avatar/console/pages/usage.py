"""What was used and spent."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The usage page."""
    pages = APIRouter()

    @pages.get("/usage")
    def show(request: Request) -> Response:
        return console.page(request, "usage.html", title="Usage", section="usage")

    return pages
