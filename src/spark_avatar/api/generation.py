"""Create, wait, poll and quote."""

from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate, current_caller
from spark_avatar.api.bodies import Received, idempotency_key_of, open_body, received_body
from spark_avatar.api.openapi import TAKES_GENERATION, needs
from spark_avatar.api.ports import Ports, base_url, ports_behind, ports_of
from spark_avatar.api.problems import error_body, status_of
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.api.task_view import view_task
from spark_avatar.errors import SyncTimeout
from spark_avatar.schemas.charge import ChargeAnswer, ChargeView
from spark_avatar.schemas.problem import SyncTimeoutBody
from spark_avatar.schemas.task import TaskView
from spark_avatar.service.prices import plain
from spark_avatar.tasks.task import Task

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 1.0
_LONGEST_QUOTE_SECONDS = 24 * 3600

routes = APIRouter(prefix="/model/v1/generation", tags=["generation"])
PortsOf = Annotated[Ports, Depends(ports_of)]
CallerOf = Annotated[Caller, Depends(current_caller)]
Body = Annotated[Received, Depends(received_body)]


def task_response(task: Task, ports: Ports, request: Request) -> Response:
    """The task object as an answer."""
    view = view_task(task, link=lambda key: ports.files.link(key, base_url=base_url(ports, request)))
    return Response(view.to_json(), media_type="application/json")


def task_json(task: Task, ports: Ports, base: str) -> bytes:
    """The task object as JSON, its links beginning with `base`."""
    return view_task(task, link=lambda key: ports.files.link(key, base_url=base)).to_json()


# The handlers return finished responses: `response_model` would validate every answer a second time. Those that are called most
# ask for the ports themselves: each dependency of a route costs more than what it does.
@routes.post("", responses={200: {"model": TaskView}}, openapi_extra=TAKES_GENERATION)
async def create(request: Request) -> Response:
    """Accepts a generation and returns its task at once."""
    ports = ports_behind(request)
    body = await received_body(request, ports)
    return await run_in_threadpool(_create, request, body, ports)


@routes.get("/task/{task_id}", responses={200: {"model": TaskView}}, openapi_extra=needs(Scope.READ))
def poll(request: Request, task_id: str) -> Response:
    """The task as it stands. A failed task is a good answer: HTTP 200 and `status: "failed"`."""
    ports = ports_behind(request)
    caller = authenticate(request, ports)
    return task_response(ports.generation.get(task_id, caller=caller), ports, request)


@routes.post("/sync", responses={200: {"model": TaskView}, 504: {"model": SyncTimeoutBody}}, openapi_extra=TAKES_GENERATION)
async def create_and_wait(request: Request, body: Body, ports: PortsOf) -> Response:
    """Accepts a generation and returns its task when it has ended; 504 with the task's id when that takes too long."""
    caller, task = await run_in_threadpool(_submit, request, body, ports)
    wait = _FIRST_WAIT_SECONDS
    with anyio.move_on_after(ports.limits.sync_seconds):
        while not (task.status.ended or ports.stopping.is_set() or await request.is_disconnected()):
            await anyio.sleep(wait)
            wait = min(_LONGEST_WAIT_SECONDS, wait * 1.5)
            task = await run_in_threadpool(ports.generation.get, task.id, caller=caller)
    if not task.status.ended:
        return _still_running(task, request)
    return task_response(task, ports, request)


@routes.post("/precharge", responses={200: {"model": ChargeAnswer}}, openapi_extra=TAKES_GENERATION)
def precharge(
    request: Request,
    body: Body,
    ports: PortsOf,
    seconds: Annotated[float | None, Query(gt=0, le=_LONGEST_QUOTE_SECONDS, allow_inf_nan=False)] = None,
) -> Response:
    """What the generation would cost; runs and fetches nothing. `seconds` is the recording's length, where it is known."""
    _, generation = open_body(body, request, ports)
    quote = ports.generation.quote(generation, seconds=seconds)
    charge = ChargeView(
        model=quote.model,
        cost=plain(quote.cost),
        currency=quote.currency,
        discount=float(quote.price.discount),
        unit_price=plain(quote.price.per_second),
        compute_unit_price=plain(quote.price.per_compute_unit),
        seconds=quote.seconds,
        seconds_known=quote.seconds_known,
        lowest_cost=plain(quote.lowest),
        highest_cost=plain(quote.highest),
    )
    return Response(ChargeAnswer(data=charge).model_dump_json(), media_type="application/json")


def _create(request: Request, body: Received, ports: Ports) -> Response:
    _, task = _submit(request, body, ports)
    return task_response(task, ports, request)


def _submit(request: Request, body: Received, ports: Ports) -> tuple[Caller, Task]:
    caller, generation = open_body(body, request, ports)
    task = ports.generation.submit(
        generation, caller=caller, request_id=request_id_of(request), idempotency_key=idempotency_key_of(request)
    )
    return caller, task


def _still_running(task: Task, request: Request) -> Response:
    error = SyncTimeout()
    body = error_body(error.code, error.message, request_id_of(request))
    answer = SyncTimeoutBody(**dict(body), id=task.id)
    return Response(answer.model_dump_json(), status_of(error), media_type="application/json")
