"""API Key Management."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The page of keys, for those who manage the workspace."""
    pages = APIRouter()

    @pages.get("/keys")
    def show(request: Request) -> Response:
        return console.page(request, "keys.html", title="API keys", section="keys", managers_only=True)

    return pages
