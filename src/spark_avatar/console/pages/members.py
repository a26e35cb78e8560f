"""Who belongs to the workspace."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The page of members and invitations."""
    pages = APIRouter()

    @pages.get("/members")
    def show(request: Request) -> Response:
        return console.page(request, "members.html", title="Members", section="members")

    return pages
