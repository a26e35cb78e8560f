"""How the server stands: for the users who run it."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.api.auth import authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.openapi import NEEDS_USER
from spark_avatar.schemas.system import EngineFindings, EngineView, QueueView, SystemView, WorkerView

routes = APIRouter(prefix="/api/v1/system", tags=["system"])


@routes.get("", responses={200: {"model": SystemView}}, openapi_extra=NEEDS_USER)
def look(request: Request, ports: PortsOf) -> Response:
    """Workers, queue, checks and versions; for operators."""
    state = ports.system.look(authenticate(request, ports))
    return _json(
        SystemView(
            checks=dict(state.checks),
            queue=QueueView(**vars(state.queue), queued_by_engine=dict(state.queued_by_engine)),
            workers=tuple(WorkerView(**vars(worker), silent=worker.silent) for worker in state.workers),
            facts=dict(state.facts),
        )
    )


@routes.post("/engines/check", responses={200: {"model": EngineFindings}}, openapi_extra=NEEDS_USER)
def check_engines(request: Request, ports: PortsOf) -> Response:
    """Asks every remote engine whether it can work; for operators."""
    found = ports.system.check_engines(authenticate(request, ports))
    return _json(EngineFindings(engines=tuple(EngineView(**vars(finding)) for finding in found)))


def _json(answer: BaseModel) -> Response:
    return Response(
        answer.model_dump_json(exclude_none=True), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
