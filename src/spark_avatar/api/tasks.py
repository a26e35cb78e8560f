"""The caller's own tasks: list, cancel, delete."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.cursors import read_cursor, write_cursor
from spark_avatar.api.generation import PortsOf, task_response
from spark_avatar.api.openapi import needs
from spark_avatar.api.ports import base_url
from spark_avatar.api.task_view import view_task
from spark_avatar.schemas.task import TaskListView, TaskView
from spark_avatar.tasks.store import PageMark, TaskFilter
from spark_avatar.tasks.task import TaskId, TaskStatus

_LONGEST_PAGE = 100
_STATUSES: Final[dict[str, tuple[TaskStatus, ...]]] = {
    "": (),
    "in_progress": (TaskStatus.QUEUED, TaskStatus.RUNNING),
    "completed": (TaskStatus.COMPLETED,),
    "failed": (TaskStatus.FAILED,),
}

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
    mark = _mark(after) if after else None
    page = ports.tasks.page(caller=caller, limit=limit, only=TaskFilter(statuses=_STATUSES[status]), after=mark)
    base = base_url(ports, request)
    views = tuple(view_task(task, link=lambda key: ports.files.link(key, base_url=base)) for task in page.tasks)
    following = None if page.next_mark is None else write_cursor(page.next_mark.created_at, page.next_mark.task_id)
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


def _mark(cursor: str) -> PageMark:
    created_at, task_id = read_cursor(cursor)
    return PageMark(created_at, TaskId(task_id))
