"""A task's record as clients see it."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from spark_avatar.schemas.task import ContentView, ErrorView, OutputView, ProgressView, TaskView, UsageView
from spark_avatar.tasks.task import PREVIEW, THUMBNAIL, Task, TaskOutput, TaskStatus

Link = Callable[[str], str]
"""Makes the address of a stored file from its key."""

_WIRE_STATUS: dict[TaskStatus, Literal["in_progress", "completed", "failed"]] = {
    TaskStatus.QUEUED: "in_progress",
    TaskStatus.RUNNING: "in_progress",
    TaskStatus.COMPLETED: "completed",
    TaskStatus.FAILED: "failed",
}


def view_task(task: Task, *, link: Link) -> TaskView:
    """The task object of the wire."""
    completed = task.status is TaskStatus.COMPLETED
    return TaskView(
        id=task.id,
        model=task.request.model,
        created_at=int(task.created_at.timestamp()),
        status=_WIRE_STATUS[task.status],
        progress=None if task.status.ended else _progress(task),
        output=tuple(_output(output, link) for output in task.outputs) if completed else None,
        usage=view_usage(task) if completed else None,
        error=_error(task) if task.status is TaskStatus.FAILED else None,
        metadata=view_metadata(task, link),
    )


def view_progress(task: Task) -> ProgressView:
    """How far the task is."""
    return ProgressView(id=task.id, status=_WIRE_STATUS[task.status], progress=_progress(task), stage=task.stage)


def _progress(task: Task) -> float:
    return min(1.0, max(0.0, float(task.progress)))


def _output(output: TaskOutput, link: Link) -> OutputView:
    content = ContentView(url=link(output.key), size=output.size, job_id=output.job_id, duration=f"{output.seconds:.2f}")
    return OutputView(content=(content,))


def view_usage(task: Task) -> UsageView | None:
    """What a completed task cost."""
    if task.usage is None:
        return None
    return UsageView(
        cost=task.usage.cost,
        discount=float(task.usage.discount),
        total_tokens=task.usage.compute_units,
        generated_videos=len(task.outputs),
        generated_images=0,
    )


def _error(task: Task) -> ErrorView | None:
    if task.failure is None:
        return None
    return ErrorView(code=task.failure.code, error_message=task.failure.message, message=task.failure.message)


def view_metadata(task: Task, link: Link) -> dict[str, object]:
    """The times, and links to the thumbnail and the preview. A worker fetches the inputs once it has taken the task, so a task is
    in the queue until it starts: `in_queue_at` is when that ended.
    """
    times = {"upload_at": task.uploaded_at, "in_queue_at": task.started_at, "completed_at": task.ended_at}
    since = {name: _seconds(task, moment) for name, moment in times.items() if moment is not None}
    told = {name: value for name, value in task.metadata.items() if name not in (THUMBNAIL, PREVIEW)}
    kept = {name: task.metadata.get(name) for name in (THUMBNAIL, PREVIEW)}
    linked = {f"{name}_url": link(key) for name, key in kept.items() if isinstance(key, str)}
    return {**told, **since, **linked, "ignored": list(task.request.ignored)}


def _seconds(task: Task, moment: datetime) -> float:
    return max(0.0, round((moment - task.created_at).total_seconds(), 3))
