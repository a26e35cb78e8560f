"""Where the ends of tasks are told to, and what became of it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The page of endpoints and deliveries, for those who manage the workspace."""
    pages = APIRouter()

    @pages.get("/webhooks")
    def show(request: Request) -> Response:
        return console.page(request, "webhooks.html", title="Webhooks", section="webhooks", managers_only=True)

    return pages
