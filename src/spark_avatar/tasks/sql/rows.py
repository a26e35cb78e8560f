"""A task's record, to and from a row of the table."""

from typing import Any

from sqlalchemy import Row

from spark_avatar.tasks.sql import documents
from spark_avatar.tasks.task import AccountId, Claim, Task, TaskId, TaskStatus


def row_of(task: Task) -> dict[str, Any]:
    """Column values."""
    return {
        "id": task.id,
        "account_id": task.account_id,
        "key_id": task.key_id,
        "request_id": task.request_id,
        "status": task.status.value,
        "progress": task.progress,
        "stage": task.stage,
        "attempts": task.attempts,
        "worker": task.claim.worker if task.claim else None,
        "lease_until": task.claim.lease_until if task.claim else None,
        "created_at": task.created_at,
        "uploaded_at": task.uploaded_at,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
        "failure_code": task.failure.code if task.failure else None,
        "request": documents.request_document(task.request),
        "outputs": documents.outputs_document(task.outputs),
        "usage": documents.usage_document(task.usage),
        "failure": documents.failure_document(task.failure),
        "metadata": documents.metadata_document(task.metadata),
        "engine": task.engine,
    }


def task_of(row: Row[Any]) -> Task:
    """The reverse of `row_of`."""
    return Task(
        id=TaskId(row.id),
        account_id=AccountId(row.account_id),
        key_id=row.key_id,
        request=documents.read_request(row.request),
        created_at=row.created_at,
        request_id=row.request_id,
        engine=row.engine,
        status=TaskStatus(row.status),
        progress=float(row.progress),
        stage=row.stage,
        attempts=row.attempts,
        claim=_claim_of(row),
        uploaded_at=row.uploaded_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outputs=documents.read_outputs(row.outputs),
        usage=documents.read_usage(row.usage),
        failure=documents.read_failure(row.failure),
        metadata=documents.read_metadata(row.metadata),
    )


def _claim_of(row: Row[Any]) -> Claim | None:
    if row.worker is None:
        return None
    return Claim(worker=row.worker, attempt=row.attempts, lease_until=row.lease_until)
