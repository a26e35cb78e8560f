"""A task as Server-Sent Events (WHATWG HTML, 9.2): the whole task at every change (`stream`), or its progress only (`events`).

    event: output      `stream`: the task so far, whenever it has changed; `id` is its cursor
    event: progress    `events`: its id, status, progress and stage, whenever it has changed
    : keepalive        a comment, when nothing has changed for a while
    event: done        the whole task, when it has completed; the stream ends
    event: error       the whole task, when it has failed, or was cancelled and deleted; the stream ends

A stream that ends without one of the last two was cut off, as by a server that stops: ask again.

A cursor is a number that grows with the task itself, not with the connection: any server process can resume a stream
from it, given as `?cursor=N` or in the `Last-Event-ID` header that browsers send when they reconnect.
"""

import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.generation import CallerOf, PortsOf, task_json
from spark_avatar.api.openapi import needs
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.api.task_view import view_progress
from spark_avatar.errors import Canceled, TaskNotFound
from spark_avatar.service.clock import utc_now
from spark_avatar.tasks.task import Task, TaskFailure, TaskStatus

_LOOK_SECONDS = 0.25
_KEEPALIVE_SECONDS = 15.0
_PROGRESS_STEPS = 10_000
_EVENT_ID = re.compile(r"[0-9]{1,18}")

_IS_STREAM: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"content": {"text/event-stream": {}}}},
    "openapi_extra": needs(Scope.READ),
}
Cursor = Annotated[int, Query(ge=0)]
LastEventId = Annotated[str, Header()]
Change = Callable[[Task], tuple[str, bytes]]
"""Makes the name and the data of the event that tells a change."""

routes = APIRouter(prefix="/model/v1/generation", tags=["generation"])


@routes.get("/task/{task_id}/stream", **_IS_STREAM)
async def stream(
    request: Request, task_id: str, caller: CallerOf, ports: PortsOf, cursor: Cursor = 0, last_event_id: LastEventId = ""
) -> StreamingResponse:
    """The task's changes until its end, as Server-Sent Events: the whole task each time."""
    base = base_url(ports, request)
    return await _follow(
        request, task_id, caller, ports, _seen(cursor, last_event_id), lambda task: ("output", task_json(task, ports, base))
    )


@routes.get("/task/{task_id}/events", **_IS_STREAM)
async def events(
    request: Request, task_id: str, caller: CallerOf, ports: PortsOf, cursor: Cursor = 0, last_event_id: LastEventId = ""
) -> StreamingResponse:
    """The task's progress until its end, as short Server-Sent Events; the last holds the whole task."""

    def progress(task: Task) -> tuple[str, bytes]:
        return "progress", view_progress(task).model_dump_json().encode()

    return await _follow(request, task_id, caller, ports, _seen(cursor, last_event_id), progress)


def _seen(cursor: int, last_event_id: str) -> int:
    return max(cursor, int(last_event_id) if _EVENT_ID.fullmatch(last_event_id) else 0)


async def _follow(request: Request, task_id: str, caller: Caller, ports: Ports, seen: int, change: Change) -> StreamingResponse:
    task = await run_in_threadpool(ports.generation.get, task_id, caller=caller)  # 404 before the stream begins
    events = _events(task, seen, caller, ports, base_url(ports, request), change)
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def cursor_of(task: Task) -> int:
    """Grows with everything that the wire shows of a running task."""
    steps = (task.started_at is not None) + (task.uploaded_at is not None) + task.status.ended
    return 1 + steps + round(task.progress * _PROGRESS_STEPS)


async def _events(task: Task, seen: int, caller: Caller, ports: Ports, base: str, change: Change) -> AsyncIterator[bytes]:
    quiet_since = time.monotonic()
    while not task.status.ended:
        if ports.stopping.is_set():
            return  # browsers reconnect by themselves, with the last cursor
        if cursor_of(task) > seen:
            seen = cursor_of(task)
            name, document = change(task)
            yield _event(name, seen, document)
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > _KEEPALIVE_SECONDS:
            yield b": keepalive\n\n"
            quiet_since = time.monotonic()
        await anyio.sleep(_LOOK_SECONDS)
        try:
            task = await run_in_threadpool(ports.generation.get, task.id, caller=caller)
        except TaskNotFound:
            task = _gone(task)
    name = "done" if task.status is TaskStatus.COMPLETED else "error"
    yield _event(name, cursor_of(task), task_json(task, ports, base))


def _gone(task: Task) -> Task:
    """A task that was running a moment ago, and is deleted: cancelled and deleted between two looks. Nobody knows its end any
    more, and whoever asks again gets a 404.
    """
    failure = TaskFailure(Canceled.code, "The task was cancelled, and is deleted.")
    return replace(task, status=TaskStatus.FAILED, claim=None, ended_at=utc_now(), failure=failure)


def _event(name: str, cursor: int, document: bytes) -> bytes:
    """One event; JSON as pydantic writes it holds no line break."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, name.encode(), document)
