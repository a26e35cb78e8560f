"""The console's routes: pages, the files that they are made of, and the samples that they offer."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from spark_avatar.console.console import Console
from spark_avatar.console.pages import (
    accept,
    device,
    keys,
    members,
    models,
    playground,
    settings,
    sign_in,
    system,
    tasks,
    usage,
    webhooks,
)
from spark_avatar.console.pages.settings import Rule

_SAMPLE_TYPES: Final = {"portrait.png": "image/png", "speech.flac": "audio/flac"}
_FOREVER: Final = "public, max-age=31536000, immutable"


def console_routes(console: Console, sample: Callable[[str], Path], *, rules: Sequence[Rule] = ()) -> APIRouter:
    """All of them. `sample` finds the file behind `portrait.png` or `speech.flac`, and may make it: it is called in a worker
    thread. `rules` are what the operator has decided.
    """
    routes = APIRouter(include_in_schema=False)
    for page in (sign_in, accept, device, playground, tasks, usage, keys, webhooks, members, models, system):
        routes.include_router(page.routes(console))
    routes.include_router(settings.routes(console, rules))

    @routes.get("/console/{version}/{name:path}")
    async def asset(version: str, name: str) -> Response:
        found = console.assets.files.get(name)
        if found is None or version != console.assets.version:
            raise HTTPException(404)
        return Response(found.content, media_type=found.media_type, headers={**console.headers, "Cache-Control": _FOREVER})

    @routes.get("/samples/{name}")
    def sample_file(name: str) -> FileResponse:
        if name not in _SAMPLE_TYPES:
            raise HTTPException(404)
        return FileResponse(sample(name), media_type=_SAMPLE_TYPES[name], headers={"X-Content-Type-Options": "nosniff"})

    return routes
