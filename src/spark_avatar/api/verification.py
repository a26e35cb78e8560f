"""Asking what a video says of itself."""

from typing import BinaryIO

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from spark_avatar.accounts.keys import Caller
from spark_avatar.api.generation import CallerOf, PortsOf
from spark_avatar.api.openapi import TAKES_FILE
from spark_avatar.api.ports import Ports
from spark_avatar.api.uploads import copy_of, uploaded_file
from spark_avatar.schemas.verification import KnownTaskView, VerificationView

routes = APIRouter(prefix="/api/v1", tags=["verification"])


@routes.post("/verify", responses={200: {"model": VerificationView}}, openapi_extra=TAKES_FILE)
async def verify(request: Request, caller: CallerOf, ports: PortsOf) -> Response:
    """Tells a video's manifest, tags and watermark, and which of the caller's tasks made it. The video is not kept."""
    async with uploaded_file(request, ports) as part:
        answer = await run_in_threadpool(_look, part.file, caller, ports)
    return Response(answer.model_dump_json(), media_type="application/json")


def _look(content: BinaryIO, caller: Caller, ports: Ports) -> VerificationView:
    with copy_of(content, ports) as video:
        found, task = ports.verification.verify(video, account_id=caller.account_id)
    known = KnownTaskView(id=task.id, status=task.status.value, created_at=int(task.created_at.timestamp())) if task else None
    return VerificationView(**found, task=known)
