"""Tasks for those who look after them: found by what they are, with pictures, inputs and all that was measured."""

import json
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.cursors import read_cursor, write_cursor
from spark_avatar.api.generation import PortsOf, task_json
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import needs
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.errors import NotFound
from spark_avatar.schemas.task_cards import (
    CardError,
    InputsView,
    InputView,
    ShareLink,
    ShareRequest,
    TaskCard,
    TaskCards,
    TaskDetail,
)
from spark_avatar.service.clock import utc_now
from spark_avatar.service.parameters import CONSENT
from spark_avatar.tasks.store import PageMark, TaskFilter
from spark_avatar.tasks.task import PREVIEW, THUMBNAIL, Task, TaskId, TaskStatus

_LONGEST_PAGE: Final = 100
_OPEN: Final = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_SESSION: Final = "session:"
Word = Annotated[str, Query(max_length=200, pattern="^[^\\x00]*$")]

routes = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@routes.get("", responses={200: {"model": TaskCards}}, openapi_extra=needs(Scope.READ))
def find(
    request: Request,
    ports: PortsOf,
    status: Literal["", "open", "queued", "running", "completed", "failed"] = "",
    model: Word = "",
    engine: Word = "",
    key: Word = "",
    text: Word = "",
    limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 20,
    after: str = "",
) -> Response:
    """The caller's tasks, newest first. `text` is part of an id, an error code, or the address or name of an input. `next` of the
    answer is the `after` of the next call.
    """
    caller = authenticate(request, ports)
    statuses = _OPEN if status == "open" else (TaskStatus(status),) if status else ()
    only = TaskFilter(statuses, model=model, engine=engine, key_id=key, text=text.strip())
    mark = PageMark((place := read_cursor(after))[0], TaskId(place[1])) if after else None
    page = ports.tasks.page(caller=caller, limit=limit, only=only, after=mark)
    names, base = _key_names(ports, caller), base_url(ports, request)
    following = None if page.next_mark is None else write_cursor(page.next_mark.created_at, page.next_mark.task_id)
    cards = tuple(_card(task, names, ports, base) for task in page.tasks)
    return _json(TaskCards(tasks=cards, has_more=following is not None, next=following))


@routes.get("/{task_id}", responses={200: {"model": TaskDetail}}, openapi_extra=needs(Scope.READ))
def show(request: Request, task_id: str, ports: PortsOf) -> Response:
    """One task, with fresh links to its inputs."""
    caller = authenticate(request, ports)
    task = ports.generation.get(task_id, caller=caller)
    base = base_url(ports, request)
    image, audio = (
        InputView(**vars(ports.files.input_link(url, account_id=task.account_id, base_url=base)))
        for url in (task.request.image_url, task.request.audio_url)
    )
    return _json(
        TaskDetail(
            **vars(_card(task, _key_names(ports, caller), ports, base)),
            inputs=InputsView(image=image, audio=audio),
            options=_shown_options(task, ports, base),
            attempts=task.attempts,
            position=ports.tasks.position(task),
            request_id=task.request_id,
            webhook_url=task.request.webhook_url or None,
            task=json.loads(task_json(task, ports, base)),
        )
    )


@routes.post("/{task_id}/share", responses={200: {"model": ShareLink}}, openapi_extra=needs(Scope.GENERATE) | takes(ShareRequest))
def share(request: Request, task_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """A link to the finished video that works without a key, until it expires."""
    caller = authenticate(request, ports)
    task = ports.generation.get(task_id, caller=caller)
    life = timedelta(hours=read_as(ShareRequest, body).hours)
    if not task.outputs:
        raise NotFound("This task has no video to share.")
    end = utc_now() + life
    url = ports.files.link(task.outputs[0].key, base_url=base_url(ports, request), expires_at=end)
    return _json(ShareLink(url=url, expires_at=int(end.timestamp())))


def _shown_options(task: Task, ports: Ports, base: str) -> dict[str, object]:
    """What was set, so that the same can be asked for again, with a fresh link to a picture that came with the request."""
    options = dict(task.request.options)
    if behind := task.request.background_url:
        options["background"] = ports.files.input_link(behind, account_id=task.account_id, base_url=base).url
    if task.request.label:
        options["label"] = True
    if consent := task.metadata.get(CONSENT):
        options[CONSENT] = consent
    return options


def _key_names(ports: Ports, caller: Caller) -> dict[str, str]:
    return {key.id: key.name for key in ports.accounts.keys.list(caller.account_id)}


def _card(task: Task, names: dict[str, str], ports: Ports, base: str) -> TaskCard:
    output = task.outputs[0] if task.outputs else None
    thumbnail, preview, warnings = (task.metadata.get(name) for name in (THUMBNAIL, PREVIEW, "warnings"))
    name = "Console" if task.key_id.startswith(_SESSION) else names.get(task.key_id, task.key_id)
    return TaskCard(
        id=task.id,
        model=task.request.model,
        engine=str(task.metadata.get("engine") or task.engine),
        status=task.status.value,
        progress=min(1.0, max(0.0, task.progress)),
        stage=task.stage,
        created_at=task.created_at.timestamp(),
        started_at=task.started_at.timestamp() if task.started_at else None,
        ended_at=task.ended_at.timestamp() if task.ended_at else None,
        seconds=output.seconds if output else None,
        width=output.width if output else None,
        height=output.height if output else None,
        cost=task.usage.cost if task.usage else None,
        key_id=task.key_id,
        key_name=name,
        image_name=ports.files.name_of(task.request.image_url) or None,
        audio_name=ports.files.name_of(task.request.audio_url) or None,
        thumbnail_url=ports.files.link(thumbnail, base_url=base) if isinstance(thumbnail, str) else None,
        preview_url=ports.files.link(preview, base_url=base) if isinstance(preview, str) else None,
        error=CardError(code=task.failure.code, message=task.failure.message) if task.failure else None,
        warnings=len(warnings) if isinstance(warnings, list) else 0,
    )


def _json(answer: BaseModel) -> Response:
    return Response(
        answer.model_dump_json(exclude_none=True), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
