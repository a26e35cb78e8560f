"""Demand, asked of a SQL database. The Helm chart asks PostgreSQL for the same number by a query of its own; a test compares."""

from datetime import UTC, datetime

from sqlalchemy import Engine, func, or_, select

from spark_avatar.database.engine import reading
from spark_avatar.database.schema import segments, tasks
from spark_avatar.tasks.demand import Demand
from spark_avatar.tasks.segments import SegmentStatus
from spark_avatar.tasks.task import TaskStatus

_QUEUED, _RUNNING = TaskStatus.QUEUED.value, TaskStatus.RUNNING.value

_TASKS = (
    select(tasks.c.engine, tasks.c.status, func.count().label("tasks"), func.min(tasks.c.created_at).label("oldest"))
    .where(tasks.c.status.in_([_QUEUED, _RUNNING]))
    .group_by(tasks.c.engine, tasks.c.status)
)
_SEGMENTS = (
    select(segments.c.engine, func.count().label("segments"))
    .join_from(segments, tasks, tasks.c.id == segments.c.task_id)
    .where(
        tasks.c.status.in_([_QUEUED, _RUNNING]),
        or_(
            segments.c.status == SegmentStatus.QUEUED.value,
            (segments.c.status == SegmentStatus.RUNNING.value) & segments.c.worker.is_distinct_from(tasks.c.worker),
        ),
    )
    .group_by(segments.c.engine)
)


class SqlDemandMeter:
    """A `DemandMeter` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_engine(self, now: datetime | None = None) -> dict[str, Demand]:
        """Of every engine with work."""
        moment = now or datetime.now(UTC)
        workers: dict[str, int] = {}
        oldest: dict[str, float] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(_TASKS):
                workers[row.engine] = workers.get(row.engine, 0) + row.tasks
                if row.status == _QUEUED:
                    oldest[row.engine] = max(0.0, (moment - row.oldest).total_seconds())
            for row in connection.execute(_SEGMENTS):
                workers[row.engine] = workers.get(row.engine, 0) + row.segments
        return {engine: Demand(count, oldest.get(engine, 0.0)) for engine, count in workers.items()}
