"""Signed links: reading a stored file, whole or in part, without a key."""

import hashlib
from http import HTTPStatus
from pathlib import PurePath

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse

from spark_avatar.api.byte_ranges import ByteRange, RangeNotSatisfiable, parse_range
from spark_avatar.api.generation import PortsOf
from spark_avatar.service.files import OpenFile

_CACHE_SECONDS = 3600
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": f"private, max-age={_CACHE_SECONDS}, immutable",
    "X-Content-Type-Options": "nosniff",
    # Callers upload what they like: should a browser ever show a file as a page, it has no rights there.
    "Content-Security-Policy": "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox",
    # Whoever has the link may read the file, so pages of other origins may too; no cookie plays a part.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_ELSEWHERE_HEADERS = {
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": "*",
    "Referrer-Policy": "no-referrer",
}

routes = APIRouter(prefix="/v1/files", tags=["files"])


@routes.head("/{key:path}", include_in_schema=False)
@routes.get("/{key:path}", response_class=StreamingResponse, responses={200: {"content": {"video/mp4": {}}}})
def read_file(request: Request, key: str, ports: PortsOf, expires: str = "", signature: str = "") -> Response:
    """The file behind a signed link; answers single ranges, so that a browser can seek. Where the operator chose so, a GET leads
    on to an address at the storage.
    """
    file = ports.files.open(key, expires, signature)
    if file.elsewhere and request.method == "GET":
        return RedirectResponse(file.elsewhere, HTTPStatus.TEMPORARY_REDIRECT, _ELSEWHERE_HEADERS)
    tag = _entity_tag(file)
    headers = _HEADERS | {"ETag": tag, "Content-Disposition": f'inline; filename="{_name(key)}"'}
    if _names(request.headers.get("if-none-match"), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = _wanted_range(request, file, tag)
    if wanted is None:
        return _answer(request, file, ByteRange(0, file.size, file.size), HTTPStatus.OK, headers)
    headers["Content-Range"] = wanted.content_range
    return _answer(request, file, wanted, HTTPStatus.PARTIAL_CONTENT, headers)


def _wanted_range(request: Request, file: OpenFile, tag: str) -> ByteRange | None:
    """The range to send; None for the whole file. A range of another version (`If-Range`) is not sent."""
    if request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return None
    try:
        return parse_range(request.headers.get("range"), file.size)
    except RangeNotSatisfiable:
        headers = {"Content-Range": f"bytes */{file.size}"}
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"The file has {file.size} bytes.", headers=headers
        ) from None


def _answer(request: Request, file: OpenFile, part: ByteRange, status: HTTPStatus, headers: dict[str, str]) -> Response:
    headers = headers | {"Content-Length": str(part.length)}
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    return StreamingResponse(file.read(part.start, part.end), status, headers, file.media_type)


def _entity_tag(file: OpenFile) -> str:
    """Strong: a file that a link was given out for is never rewritten."""
    return f'"{hashlib.sha256(f"{file.key}:{file.size}".encode()).hexdigest()[:32]}"'


def _names(header: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` header names the tag (weak comparison)."""
    return header is not None and tag in (part.strip().removeprefix("W/") for part in header.split(","))


def _name(key: str) -> str:
    """The file's name, for saving it: that of a task's, as the videos of all are called by the attempt, `1.mp4`."""
    kind, *owners, name = key.split("/")
    if kind == "outputs" and owners:
        name = f"spark-avatar-{owners[-1][:8]}{PurePath(name).suffix}"
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
