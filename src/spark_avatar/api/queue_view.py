"""A task's record as clients of the queue protocol see it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Literal
from urllib.parse import quote

from spark_avatar.api.task_view import Link, view_metadata, view_usage
from spark_avatar.schemas.queue import QueueLog, QueueMetrics, QueueOutput, QueueResult, QueueStatus, QueueSubmitted
from spark_avatar.tasks.task import Task, TaskOutput, TaskStatus

QUEUE_PATH = "/model/v1/queue"

_WIRE_STATUS: dict[TaskStatus, Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]] = {
    TaskStatus.QUEUED: "IN_QUEUE",
    TaskStatus.RUNNING: "IN_PROGRESS",
    TaskStatus.COMPLETED: "COMPLETED",
    TaskStatus.FAILED: "COMPLETED",
}


@dataclass(frozen=True)
class RequestUrls:
    """The addresses of one request."""

    response_url: str
    status_url: str
    cancel_url: str


def urls_of(task: Task, base: str) -> RequestUrls:
    """Absolute addresses, which begin with `base`."""
    request = f"{base}{QUEUE_PATH}/{quote(task.request.model, safe='')}/requests/{task.id}"
    return RequestUrls(f"{request}/response", f"{request}/status", f"{request}/cancel")


def view_submitted(task: Task, *, position: int, base: str) -> QueueSubmitted:
    """The answer to a submission."""
    return QueueSubmitted(request_id=task.id, queue_position=position, **vars(urls_of(task, base)))


def view_status(task: Task, *, position: int, base: str, now: datetime) -> QueueStatus:
    """Where the request stands."""
    failure = task.failure if task.status is TaskStatus.FAILED else None
    return QueueStatus(
        request_id=task.id,
        status=_WIRE_STATUS[task.status],
        queue_position=position,
        logs=_logs(task, now),
        metrics=_metrics(task),
        error=failure.message if failure else None,
        error_type=failure.code if failure else None,
        **vars(urls_of(task, base)),
    )


def view_result(task: Task, *, link: Link) -> QueueResult:
    """The end of an ended task."""
    completed = task.status is TaskStatus.COMPLETED
    return QueueResult(
        request_id=task.id,
        outputs=tuple(_output(task, output, link) for output in task.outputs) if completed else (),
        usage=view_usage(task) if completed else None,
        metadata=view_metadata(task, link),
        error=task.failure.message if task.failure else None,
        error_type=task.failure.code if task.failure else None,
    )


def _output(task: Task, output: TaskOutput, link: Link) -> QueueOutput:
    return QueueOutput(
        url=link(output.key),
        job_id=output.job_id,
        content_type=output.media_type,
        file_name=task.id + PurePath(output.key).suffix,
        file_size=output.size,
        width=output.width,
        height=output.height,
        duration=float(output.seconds),
    )


def _metrics(task: Task) -> QueueMetrics | None:
    if task.ended_at is None:
        return None
    started = task.started_at or task.ended_at  # cancelled while it waited
    return QueueMetrics(inference_time=max(0.0, round((task.ended_at - started).total_seconds(), 3)))


def _logs(task: Task, now: datetime) -> tuple[QueueLog, ...]:
    """The moments that the record holds, and how far a running task is."""
    lines: list[tuple[datetime | None, str]] = [
        (task.created_at, "queued"),
        (task.started_at, "started"),
        (task.uploaded_at, "inputs fetched"),
    ]
    if task.status is TaskStatus.RUNNING:
        lines.append((now, f"{task.stage}: {task.progress:.0%}"))
    if task.status is TaskStatus.COMPLETED:
        lines.append((task.ended_at, "completed"))
    logs = [QueueLog(timestamp=_iso(moment), message=message) for moment, message in lines if moment is not None]
    if task.failure is not None and task.ended_at is not None:
        logs.append(QueueLog(timestamp=_iso(task.ended_at), level="ERROR", message=task.failure.message))
    return tuple(logs)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
