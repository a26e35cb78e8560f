"""The models with their parameters."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The models page."""
    pages = APIRouter()

    @pages.get("/models")
    def show(request: Request) -> Response:
        return console.page(request, "models.html", title="Models", section="models")

    return pages
