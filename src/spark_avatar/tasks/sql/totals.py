"""What completed tasks took, added up by engine and stage in the transaction that completes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select

from spark_avatar.database.dialects import insert_or_add
from spark_avatar.database.engine import reading
from spark_avatar.database.schema import stage_totals
from spark_avatar.tasks.store import StageTotal
from spark_avatar.tasks.task import TaskOutput

_NO_STAGES: Final = frozenset({"segments"})
"""Members of a task's timings that are counts."""


class SqlStageTotals:
    """The sums, of all workers together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def totals(self) -> list[StageTotal]:
        """All of them, by engine and stage."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(stage_totals).order_by(stage_totals.c.engine, stage_totals.c.stage))
            return [StageTotal(**row._mapping) for row in rows]


def note_stages(
    connection: Connection,
    row: Row[Any],
    *,
    outputs: Sequence[TaskOutput],
    metadata: Mapping[str, object],
    now: datetime,
) -> None:
    """Adds what a task took that has just been completed."""
    timings = metadata.get("timings")
    spent = {str(stage): value for stage, value in timings.items()} if isinstance(timings, dict) else {}
    seconds = {stage: float(value) for stage, value in spent.items() if isinstance(value, int | float)}
    if row.started_at is not None:
        seconds |= {
            "queue": (row.started_at - row.created_at).total_seconds(),
            "task": (now - row.started_at).total_seconds(),
        }
    seconds["video"] = sum(output.seconds for output in outputs)
    engine = str(metadata.get("engine", row.engine))
    # Sorted, so that two transactions never wait for each other's rows.
    sums = [
        {"engine": engine, "stage": stage, "tasks": 1, "seconds": max(0.0, seconds[stage])}
        for stage in sorted(seconds.keys() - _NO_STAGES)
    ]
    connection.execute(insert_or_add(connection, stage_totals, ("tasks", "seconds")), sums)
