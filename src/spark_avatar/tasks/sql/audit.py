"""Whether the records of tasks, and what belongs to them, fit together."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Column, Connection, Engine, func, select

from spark_avatar.database.engine import snapshot
from spark_avatar.database.schema import holds, idempotency_keys, segments, tasks, usage_records, webhook_deliveries
from spark_avatar.tasks.records import TaskRecord
from spark_avatar.tasks.sql import documents
from spark_avatar.tasks.task import AccountId, TaskId, TaskStatus

_task, _hold, _record, _segment = tasks.c, holds.c, usage_records.c, segments.c
_OPEN = [status.value for status in TaskStatus if not status.ended]
_BATCH = 1000
_TIDY = timedelta(minutes=2)

_stale_holds = (
    select(_hold.task_id, _task.status)
    .join_from(holds, tasks, _task.id == _hold.task_id, isouter=True)
    .where(_task.status.is_(None) | _task.status.not_in(_OPEN))
)
_first_record = select(func.min(_record.ended_at)).scalar_subquery()
"""Tasks that ended before the first record are from a release that kept none."""
_completed = (
    select(_task.id, _task.usage, _record.cost, _record.compute_units)
    .join_from(tasks, usage_records, _record.task_id == _task.id, isouter=True)
    .where(_task.status == TaskStatus.COMPLETED.value, _task.ended_at >= _first_record)
)
_misplaced_records = (
    select(_record.task_id, _task.status)
    .join_from(usage_records, tasks, _task.id == _record.task_id)
    .where(_task.status != TaskStatus.COMPLETED.value)
)
_BELONGINGS: dict[str, Column[str]] = {
    "idempotency key": idempotency_keys.c.task_id,
    "webhook delivery": webhook_deliveries.c.task_id,
}


class SqlTaskAudit:
    """Checks the rows of tasks against those that name them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def faults(self) -> list[str]:
        """What is wrong, in words; nothing when all is right. Safe beside running servers: it looks at one moment."""
        with snapshot(self._engine) as connection:
            return [fault for check in (_holds, _usage, _segments, _orphans) for fault in check(connection)]

    def records(self) -> Iterator[TaskRecord]:
        """All tasks, in no order."""
        query = select(_task.id, _task.account_id, _task.status, _task.attempts, _task.outputs)
        with snapshot(self._engine) as connection:
            for row in connection.execution_options(yield_per=_BATCH).execute(query):
                status = TaskStatus(row.status)
                outputs = documents.read_outputs(row.outputs)
                yield TaskRecord(TaskId(row.id), AccountId(row.account_id), status, row.attempts, outputs)


def _holds(connection: Connection) -> Iterator[str]:
    for row in connection.execute(_stale_holds):
        yield f"something is held for task {row.task_id}, which {'is gone' if row.status is None else f'has {row.status}'}"


def _usage(connection: Connection) -> Iterator[str]:
    for row in connection.execution_options(yield_per=_BATCH).execute(_completed):
        usage = documents.read_usage(row.usage)
        if usage is None or row.cost is None:
            yield f"task {row.id} is completed, and what it used is not recorded"
        elif (Decimal(usage.cost), usage.compute_units) != (row.cost, row.compute_units):
            yield f"task {row.id} says that it cost {usage.cost}, and {row.cost:f} is recorded"
    for row in connection.execute(_misplaced_records):
        yield f"task {row.task_id} is {row.status}, and usage is recorded for it"


def _segments(connection: Connection) -> Iterator[str]:
    """A server removes them soon after their task has ended."""
    left = (
        select(_segment.task_id)
        .join_from(segments, tasks, _task.id == _segment.task_id, isouter=True)
        .where(_task.id.is_(None) | (_task.ended_at < datetime.now(UTC) - _TIDY))
        .distinct()
    )
    for row in connection.execute(left):
        yield f"segments of task {row.task_id}, which has ended"


def _orphans(connection: Connection) -> Iterator[str]:
    for name, column in _BELONGINGS.items():
        orphans = select(column).join_from(column.table, tasks, _task.id == column, isouter=True)
        for row in connection.execute(orphans.where(_task.id.is_(None), column.is_not(None))):
            yield f"{name} of task {row.task_id}, which is gone"
