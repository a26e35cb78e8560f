"""Where a link leads that makes somebody a member: the one of the first start, and those of invitations."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """One page for both kinds of links; the code stays in the address, which is never sent on."""
    pages = APIRouter()

    @pages.get("/welcome")
    @pages.get("/invitation")
    def show(request: Request) -> Response:
        return console.open_page(request, "accept.html", title="Welcome")

    return pages
