"""Where users sign in."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import SIGN_IN, Console


def routes(console: Console) -> APIRouter:
    """The sign-in page."""
    pages = APIRouter()

    @pages.get(SIGN_IN)
    def show(request: Request) -> Response:
        if console.visitor_of(request) is not None:
            return console.send_on("/")
        return console.open_page(request, "sign_in.html", title="Sign in")

    return pages
