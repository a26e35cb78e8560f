"""Where videos are made."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The playground's page, which is the first."""
    pages = APIRouter()

    @pages.get("/")
    def show(request: Request) -> Response:
        return console.page(request, "playground.html", title="Playground", section="playground")

    return pages
