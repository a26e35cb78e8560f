"""Segments in a SQL database."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, delete, exists, func, insert, literal, null, select, update

from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import segments, tasks, turns
from spark_avatar.tasks.segments import Segment, SegmentStatus
from spark_avatar.tasks.sql.patient import PATIENCE_SECONDS, Answer, insist
from spark_avatar.tasks.sql.turns import note_turn, take_turns
from spark_avatar.tasks.task import AccountId, Claim, Task, TaskFailure, TaskId, TaskStatus

_column = segments.c
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN: Final = exists().where(
    tasks.c.id == _column.task_id, tasks.c.status.in_([status.value for status in TaskStatus if not status.ended])
)
_FREE: Final = {"worker": null(), "lease_until": null(), "progress": 0.0}
_QUEUED: Final = SegmentStatus.QUEUED.value
_RUNNING: Final = SegmentStatus.RUNNING.value
_served = func.coalesce(turns.c.served_at, literal(_NEVER, turns.c.served_at.type))


class SqlSegmentStore:
    """A `SegmentStore` on SQLite or PostgreSQL, for any number of processes."""

    def __init__(self, engine: Engine, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """A worker that holds a segment or its task asks again for so long when the database does not answer; then methods raise
        `StoreAway`.
        """
        self._engine = engine
        self._patience = patience_seconds

    def plan(self, task: Task, new: Sequence[Segment]) -> list[Segment]:
        """Stores a task's segments, unless it has some; none when the task is no longer the worker's of `task.claim`."""
        assert task.claim is not None
        held = select(tasks.c.id).where(
            tasks.c.id == task.id,
            tasks.c.status == TaskStatus.RUNNING.value,
            tasks.c.worker == task.claim.worker,
            tasks.c.attempts == task.claim.attempt,
        )

        def plan_once() -> list[Segment]:
            with writing(self._engine) as connection:
                if connection.execute(held.with_for_update()).one_or_none() is None:
                    return []
                found = connection.execute(_of_task(task.id)).all()
                if not found:
                    connection.execute(insert(segments), [_row_of(segment) for segment in new])
                    found = connection.execute(_of_task(task.id)).all()
            return [_segment_of(row) for row in found]

        return self._insist(plan_once)

    def of_task(self, task_id: TaskId) -> list[Segment]:
        """A task's segments, in order."""

        def read() -> list[Segment]:
            with reading(self._engine) as connection:
                return [_segment_of(row) for row in connection.execute(_of_task(task_id))]

        return self._insist(read)

    def claim_next(
        self,
        worker: str,
        *,
        now: datetime,
        lease_until: datetime,
        in_turn: bool,
        most_running: int | None = None,
        engines: Collection[str] | None = None,
    ) -> Segment | None:
        """Gives a queued segment to a worker; see `SegmentStore`."""
        waiting = [_column.status == _QUEUED, _OPEN]
        if engines is not None:
            waiting.append(_column.engine.in_(engines))
        if most_running is not None:
            waiting.append(_busy_workers() < most_running)
        with reading(self._engine) as connection:  # most of the time there is none, and nobody need wait for anybody
            if not connection.execute(select(exists().where(*waiting))).scalar_one():
                return None
        first = (
            select(_column.task_id, _column.number, _column.account_id, _served.label("served"))
            .outerjoin_from(segments, turns, turns.c.account_id == _column.account_id)
            .where(*waiting)
            .order_by(_served, _column.created_at, _column.task_id, _column.number)
            .limit(1)
        )
        with writing(self._engine) as connection:
            take_turns(connection)
            row = connection.execute(first).one_or_none()
            if row is None or (in_turn and _another_comes_first(connection, row, most_running, engines)):
                return None
            claimed = _claim(connection, row.task_id, row.number, worker, lease_until)
            note_turn(connection, row.account_id, now)
            return claimed

    def claim_of(self, task_id: TaskId, worker: str, *, lease_until: datetime) -> Segment | None:
        """Gives the first queued segment of this task to the worker that holds the task."""
        first = (
            select(_column.number)
            .where(_column.task_id == task_id, _column.status == _QUEUED, _OPEN)
            .order_by(_column.number)
            .limit(1)
        )

        def claim() -> Segment | None:
            with writing(self._engine) as connection:
                take_turns(connection)
                row = connection.execute(first).one_or_none()
                return None if row is None else _claim(connection, task_id, row.number, worker, lease_until)

        return self._insist(claim)

    def renew(self, segment: Segment, *, lease_until: datetime) -> bool:
        """Keeps the claim alive."""
        return self._change(segment, lease_until=lease_until)

    def report(self, segment: Segment, *, progress: float) -> bool:
        """Records progress."""
        return self._change(segment, progress=min(max(progress, 0.0), 1.0))

    def complete(self, segment: Segment, *, compute_units: int) -> bool:
        """The segment's file is stored."""
        done = SegmentStatus.DONE.value
        values = {**_FREE, "status": done, "progress": 1.0, "compute_units": compute_units}
        return self._change(segment, **values) or self._is_done(segment)

    def fail(self, segment: Segment, failure: TaskFailure) -> bool:
        """The segment cannot be rendered; its task is to fail for the same reason."""
        end = {"status": SegmentStatus.FAILED.value, "failure_code": failure.code, "failure_message": failure.message}
        return self._change(segment, **{**_FREE, **end})

    def hand_back(self, segment: Segment, *, count_attempt: bool) -> bool:
        """Queues the segment again."""
        attempts = _column.attempts if count_attempt else _column.attempts - 1
        return self._change(segment, **{**_FREE, "status": _QUEUED, "attempts": attempts})

    def running(self) -> list[Segment]:
        """All segments that some worker has claimed."""
        query = select(segments).where(_column.status == _RUNNING)
        with reading(self._engine) as connection:
            return [_segment_of(row) for row in connection.execute(query)]

    def ended(self) -> list[tuple[AccountId, TaskId]]:
        """Tasks that have segments although they have ended, or are no more."""
        query = select(_column.account_id, _column.task_id).where(~_OPEN).distinct()
        with reading(self._engine) as connection:
            return [(AccountId(row.account_id), TaskId(row.task_id)) for row in connection.execute(query)]

    def remove(self, task_id: TaskId) -> None:
        """Forgets a task's segments."""
        with writing(self._engine) as connection:
            connection.execute(delete(segments).where(_column.task_id == task_id))

    def _change(self, segment: Segment, **values: Any) -> bool:
        assert segment.claim is not None
        held = (
            _column.task_id == segment.task_id,
            _column.number == segment.number,
            _column.status == _RUNNING,
            _column.worker == segment.claim.worker,
            _column.attempts == segment.claim.attempt,
            _OPEN,
        )

        def change() -> bool:
            with writing(self._engine) as connection:
                return connection.execute(update(segments).where(*held).values(**values)).rowcount == 1

        return self._insist(change)

    def _is_done(self, segment: Segment) -> bool:
        """Whether this claim of the segment has completed it: the answer to that may have been lost."""
        assert segment.claim is not None
        return any(
            found.number == segment.number and found.status is SegmentStatus.DONE and found.attempts == segment.claim.attempt
            for found in self.of_task(segment.task_id)
        )

    def _insist(self, call: Callable[[], Answer]) -> Answer:
        return insist(call, patience_seconds=self._patience)


def _of_task(task_id: TaskId) -> Select[Any]:
    return select(segments).where(_column.task_id == task_id).order_by(_column.number)


def _busy_workers() -> Any:
    """How many workers the account of a segment keeps busy: with tasks, and with segments of tasks that another worker holds."""
    running = tasks.alias("running_tasks").c
    helped, its_task = segments.alias("helped").c, tasks.alias("its_task").c
    with_tasks = select(func.count()).where(running.status == TaskStatus.RUNNING.value, running.account_id == _column.account_id)
    with_segments = select(func.count()).where(
        helped.status == _RUNNING,
        helped.account_id == _column.account_id,
        its_task.id == helped.task_id,
        (its_task.worker.is_(None)) | (its_task.worker != helped.worker),
    )
    return with_tasks.scalar_subquery() + with_segments.scalar_subquery()


def _another_comes_first(
    connection: Connection, segment: Row[Any], most_running: int | None, engines: Collection[str] | None
) -> bool:
    """Whether another account has a task that waits, and was served before this segment's account was."""
    of_others: list[ColumnElement[bool]] = [tasks.c.status == TaskStatus.QUEUED.value, tasks.c.account_id != segment.account_id]
    if engines is not None:
        of_others.append(tasks.c.engine.in_([*engines, ""]))
    if most_running is not None:
        running = tasks.alias("running_tasks").c
        busy = select(func.count()).where(running.status == TaskStatus.RUNNING.value, running.account_id == tasks.c.account_id)
        of_others.append(busy.scalar_subquery() < most_running)
    query = (
        select(literal(1))
        .select_from(tasks.outerjoin(turns, turns.c.account_id == tasks.c.account_id))
        .where(*of_others, _served < segment.served)
        .limit(1)
    )
    return connection.execute(query).one_or_none() is not None


def _claim(connection: Connection, task_id: str, number: int, worker: str, lease_until: datetime) -> Segment | None:
    claim = (
        update(segments)
        .where(_column.task_id == task_id, _column.number == number, _column.status == _QUEUED)
        .values(status=_RUNNING, attempts=_column.attempts + 1, worker=worker, lease_until=lease_until, progress=0.0)
        .returning(*_column)
    )
    row = connection.execute(claim).one_or_none()
    return None if row is None else _segment_of(row)


def _row_of(segment: Segment) -> dict[str, Any]:
    return {
        "task_id": segment.task_id,
        "number": segment.number,
        "account_id": segment.account_id,
        "engine": segment.engine,
        "plan_attempt": segment.plan_attempt,
        "first_frame": segment.first_frame,
        "end_frame": segment.end_frame,
        "created_at": segment.created_at,
        "status": segment.status.value,
        "attempts": segment.attempts,
        "progress": segment.progress,
        "compute_units": segment.compute_units,
    }


def _segment_of(row: Row[Any]) -> Segment:
    claim = None if row.worker is None else Claim(worker=row.worker, attempt=row.attempts, lease_until=row.lease_until)
    return Segment(
        task_id=TaskId(row.task_id),
        number=row.number,
        account_id=AccountId(row.account_id),
        engine=row.engine,
        plan_attempt=row.plan_attempt,
        first_frame=row.first_frame,
        end_frame=row.end_frame,
        created_at=row.created_at,
        status=SegmentStatus(row.status),
        attempts=row.attempts,
        claim=claim,
        progress=float(row.progress),
        compute_units=row.compute_units,
        failure=None if row.failure_code is None else TaskFailure(row.failure_code, row.failure_message),
    )
