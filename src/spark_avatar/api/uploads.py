"""Uploading inputs."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from spark_avatar.accounts.keys import Caller
from spark_avatar.api.bodies import limited_stream
from spark_avatar.api.generation import CallerOf, PortsOf
from spark_avatar.api.openapi import TAKES_FILE
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.errors import MalformedRequest, TooLarge
from spark_avatar.schemas.files import UploadAnswer, UploadedFile
from spark_avatar.service.files import StoredFile

_MULTIPART_SLACK_BYTES = 64 * 1024
"""Boundaries and headers of the parts."""
_MAX_PARTS = 16
_EXPECTED = "Send the file as multipart/form-data, in a part named `file`."

routes = APIRouter(prefix="/api/v1/storage", tags=["files"])


@routes.post("/files", responses={200: {"model": UploadAnswer}}, openapi_extra=TAKES_FILE)
async def upload(request: Request, caller: CallerOf, ports: PortsOf) -> Response:
    """Stores an image, a recording or a video, and returns an address that `image_url` and `audio_url` accept."""
    async with uploaded_file(request, ports) as part:
        stored = await run_in_threadpool(_store, part.file, part.filename or "", caller, ports)
    url = ports.files.link(stored.key, base_url=base_url(ports, request))
    file = UploadedFile(url=url, key=stored.key, size=stored.size, content_type=stored.media_type)
    return Response(UploadAnswer(url=url, data=file).model_dump_json(), media_type="application/json")


@asynccontextmanager
async def uploaded_file(request: Request, ports: Ports) -> AsyncGenerator[UploadFile]:
    """The part `file` of a multipart request, until the block ends. Raises `MalformedRequest` and `TooLarge`."""
    parser = _parser(request, ports.limits.upload_bytes + _MULTIPART_SLACK_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if isinstance(error.__cause__, TooLarge):
            raise error.__cause__ from None
        raise MalformedRequest(f"The upload cannot be read: {error.message} {_EXPECTED}") from None
    try:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise MalformedRequest(f"The upload has no file in it. {_EXPECTED}")
        yield part
    finally:
        await form.close()


@contextmanager
def copy_of(content: BinaryIO, ports: Ports) -> Iterator[Path]:
    """A file with that content, until the block ends."""
    with tempfile.TemporaryDirectory(dir=ports.scratch, prefix="upload-") as folder:
        path = Path(folder) / "file"
        with path.open("wb") as target:
            shutil.copyfileobj(content, target, length=1024 * 1024)
        yield path


def _parser(request: Request, limit: int) -> MultiPartParser:
    """Reads the parts as they arrive; files go to disk."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise MalformedRequest(_EXPECTED)
    return MultiPartParser(request.headers, _parts(request, limit), max_files=_MAX_PARTS, max_fields=_MAX_PARTS)


async def _parts(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body. The parser removes its temporary files for its own exception only, so an excess travels inside one."""
    try:
        async for chunk in limited_stream(request, limit):
            yield chunk
    except TooLarge as error:
        raise MultiPartException(error.message) from error


def _store(content: BinaryIO, filename: str, caller: Caller, ports: Ports) -> StoredFile:
    with copy_of(content, ports) as path:
        return ports.files.upload(path, filename=filename, caller=caller)
