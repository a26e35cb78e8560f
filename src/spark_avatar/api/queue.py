"""The queue protocol: submit, status, response, cancel. The same tasks as the generation calls, in another dress."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.bodies import idempotency_key_of, open_queue_body
from spark_avatar.api.generation import Body, PortsOf
from spark_avatar.api.openapi import TAKES_PARAMS, needs
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.api.problems import error_body
from spark_avatar.api.queue_view import QUEUE_PATH, view_result, view_status, view_submitted
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.errors import TaskNotFound
from spark_avatar.schemas.queue import AlreadyCompleted, QueueCancel, QueueResult, QueueStatus, QueueSubmitted
from spark_avatar.tasks.task import Task

routes = APIRouter(prefix=QUEUE_PATH, tags=["queue"])


@routes.post("/{model}", responses={200: {"model": QueueSubmitted}}, openapi_extra=TAKES_PARAMS)
def submit(request: Request, model: str, body: Body, ports: PortsOf) -> Response:
    """Accepts a generation, its parameters bare in the body, and returns where to ask for it."""
    caller, generation = open_queue_body(body, request, ports, model=model)
    task = ports.generation.submit(
        generation, caller=caller, request_id=request_id_of(request), idempotency_key=idempotency_key_of(request)
    )
    return _answer(view_submitted(task, position=ports.tasks.position(task), base=base_url(ports, request)))


@routes.get("/{model}/requests/{request_id}/status", responses={200: {"model": QueueStatus}}, openapi_extra=needs(Scope.READ))
def status(request: Request, model: str, request_id: str, ports: PortsOf) -> Response:
    """Where the request stands. A failure is `COMPLETED` with `error` and `error_type`."""
    _, task = _own(request, model, request_id, ports)
    return _answer(_status(task, request, ports))


@routes.get(
    "/{model}/requests/{request_id}/response",
    responses={200: {"model": QueueResult}, 202: {"model": QueueStatus}},
    openapi_extra=needs(Scope.READ),
)
def response(request: Request, model: str, request_id: str, ports: PortsOf) -> Response:
    """The outputs; until there are any, 202 and the status."""
    _, task = _own(request, model, request_id, ports)
    if not task.status.ended:
        return _answer(_status(task, request, ports), HTTPStatus.ACCEPTED)
    base = base_url(ports, request)
    return _answer(view_result(task, link=lambda key: ports.files.link(key, base_url=base)))


@routes.put(
    "/{model}/requests/{request_id}/cancel",
    responses={202: {"model": QueueCancel}, 400: {"model": AlreadyCompleted}},
    openapi_extra=needs(Scope.GENERATE),
    status_code=202,
)
def cancel(request: Request, model: str, request_id: str, ports: PortsOf) -> Response:
    """Ends a request that waits or runs: 202. One that has ended is left alone: 400."""
    caller, task = _own(request, model, request_id, ports)
    _, ended_now = ports.tasks.cancel(task.id, caller=caller)
    if ended_now:
        return _answer(QueueCancel(), HTTPStatus.ACCEPTED)
    body = error_body("already_completed", "The request has ended already: there is nothing to cancel.", request_id_of(request))
    return _answer(AlreadyCompleted(**dict(body)), HTTPStatus.BAD_REQUEST)


def _own(request: Request, model: str, request_id: str, ports: Ports) -> tuple[Caller, Task]:
    """The caller's task of this model; raises `TaskNotFound`."""
    caller = authenticate(request, ports)
    task = ports.generation.get(request_id, caller=caller)
    if task.request.model != model:
        raise TaskNotFound
    return caller, task


def _status(task: Task, request: Request, ports: Ports) -> QueueStatus:
    position, base = ports.tasks.position(task), base_url(ports, request)
    return view_status(task, position=position, base=base, now=datetime.now(UTC))


def _answer(body: BaseModel, status: int = HTTPStatus.OK) -> Response:
    return Response(body.model_dump_json(by_alias=True, exclude_none=True), status, media_type="application/json")
