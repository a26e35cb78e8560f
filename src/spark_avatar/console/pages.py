"""The web page at `/`: static files under a strict content security policy, and the samples that it offers."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

_STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {"index.html": "text/html", "console.css": "text/css", "console.js": "text/javascript"}
_SAMPLE_TYPES: Final = {"portrait.png": "image/png", "speech.flac": "audio/flac"}


def console_routes(sample: Callable[[str], Path], *, public_url: str | None = None) -> APIRouter:
    """The page's routes. `sample` finds the file behind `portrait.png` or `speech.flac`, and may make it: it is called in a
    worker thread.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def index() -> FileResponse:
        return _page("index.html", public_url)

    @routes.get("/console/{name}")
    async def static(name: str) -> FileResponse:
        if name not in _TYPES:
            raise HTTPException(404)
        return _page(name, public_url)

    @routes.get("/samples/{name}")
    def sample_file(name: str) -> FileResponse:
        if name not in _SAMPLE_TYPES:
            raise HTTPException(404)
        return FileResponse(sample(name), media_type=_SAMPLE_TYPES[name], headers={"X-Content-Type-Options": "nosniff"})

    return routes


def security_policy(public_url: str | None) -> str:
    """Only this server's own files, and the videos from the address that its links begin with."""
    split = urlsplit(public_url or "")
    media = f" {split.scheme}://{split.netloc}" if split.netloc else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self' blob: data:; media-src 'self' blob:{media}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _page(name: str, public_url: str | None) -> FileResponse:
    headers = {
        "Content-Security-Policy": security_policy(public_url),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return FileResponse(_STATIC / name, media_type=_TYPES[name], headers=headers)
