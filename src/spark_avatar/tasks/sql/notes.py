"""What engines noted of their jobs elsewhere, in a SQL database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from spark_avatar.database.schema import engine_notes
from spark_avatar.tasks.sql import statements
from spark_avatar.tasks.task import TaskId

_column = engine_notes.c


def read_notes(connection: Connection, task_id: TaskId) -> dict[str, dict[str, str]]:
    """The notes of a task, by engine."""
    rows = connection.execute(select(_column.engine, _column.note).where(_column.task_id == task_id))
    return {row.engine: dict(row.note) for row in rows}


def write_note(connection: Connection, held: Mapping[str, Any], engine: str, note: Mapping[str, str]) -> bool:
    """Puts a note in the place of the engine's earlier one; False when the claim `held` is not the task's any more."""
    if connection.execute(statements.FACTS_OF_HELD, held).one_or_none() is None:
        return False
    task_id = held["the_id"]
    connection.execute(delete(engine_notes).where(_column.task_id == task_id, _column.engine == engine))
    connection.execute(insert(engine_notes).values(task_id=task_id, engine=engine, note=dict(note)))
    return True


def drop_notes(connection: Connection, task_id: TaskId) -> None:
    """Forgets the notes of a task that is removed."""
    connection.execute(delete(engine_notes).where(_column.task_id == task_id))
