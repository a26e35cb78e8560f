"""The caller's own tasks: list, cancel, delete."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.generation import PortsOf, task_response
from spark_avatar.api.openapi import needs
from spark_avatar.api.ports import base_url
from spark_avatar.api.task_view import view_task
from spark_avatar.errors import MalformedRequest
from spark_avatar.schemas.task import TaskListView, TaskView
from spark_avatar.tasks.store import PageMark
from spark_avatar.tasks.task import TaskId, TaskStatus

_LONGEST_PAGE = 100
_STATUSES: Final[dict[str, tuple[TaskStatus, ...]]] = {
    "": (),
    "in_progress": (TaskStatus.QUEUED, TaskStatus.RUNNING),
    "completed": (TaskStatus.COMPLETED,),
    "failed": (TaskStatus.FAILED,),
}
_MARK = re.compile(r"(\d{1,17})\.([!-~]{1,128})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

routes = APIRouter(prefix="/model/v1/generation", tags=["tasks"])


@routes.get("/tasks", responses={200: {"model": TaskListView}}, openapi_extra=needs(Scope.READ))
def list_tasks(
    request: Request,
    ports: PortsOf,
    status: Literal["", "in_progress", "completed", "failed"] = "",
    limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 20,
    after: str = "",
) -> Response:
    """The caller's tasks, newest first. `next` of the answer is the `after` of the next call."""
    caller = authenticate(request, ports)
    mark = mark_of(after) if after else None
    page = ports.tasks.page(caller=caller, limit=limit, statuses=_STATUSES[status], after=mark)
    base = base_url(ports, request)
    views = tuple(view_task(task, link=lambda key: ports.files.link(key, base_url=base)) for task in page.tasks)
    following = cursor_of(page.next_mark) if page.next_mark is not None else None
    answer = TaskListView(tasks=views, has_more=following is not None, next=following)
    return Response(answer.to_json(), media_type="application/json")


@routes.delete(
    "/task/{task_id}",
    responses={200: {"model": TaskView}, 204: {"description": "The task had ended, and is gone with its files."}},
    openapi_extra=needs(Scope.GENERATE),
)
def cancel_or_delete(request: Request, task_id: str, ports: PortsOf) -> Response:
    """Cancels a task that waits or runs, and returns it; deletes one that has ended, with its files (204)."""
    caller = authenticate(request, ports)
    task = ports.tasks.cancel_or_delete(task_id, caller=caller)
    return Response(status_code=204) if task is None else task_response(task, ports, request)


def cursor_of(mark: PageMark) -> str:
    """The mark as a word without a meaning to others."""
    plain = f"{(mark.created_at - _EPOCH) // _MICROSECOND}.{mark.task_id}"
    return base64.urlsafe_b64encode(plain.encode()).rstrip(b"=").decode()


def mark_of(cursor: str) -> PageMark:
    """The reverse of `cursor_of`; raises `MalformedRequest` for what is no cursor."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        match = _MARK.fullmatch(plain)
        if match is not None:
            return PageMark(_EPOCH + int(match.group(1)) * _MICROSECOND, TaskId(match.group(2)))
    except (binascii.Error, ValueError, OverflowError):
        pass
    raise MalformedRequest("`after` must be the `next` of an earlier answer.")
