"""Where a user lets a program in that was started in a terminal."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_avatar.console.console import Console


def routes(console: Console) -> APIRouter:
    """The page that the program names, with its code in the address or to be typed."""
    pages = APIRouter()

    @pages.get("/device")
    def show(request: Request) -> Response:
        return console.page(request, "device.html", title="Log in a device", section="")

    return pages
