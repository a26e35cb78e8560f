"""Finding a task by a part of its id."""

from sqlalchemy import Engine, select

from spark_avatar.database.engine import reading
from spark_avatar.database.schema import tasks
from spark_avatar.tasks.sql.rows import task_of
from spark_avatar.tasks.task import Task


def task_beginning_with(engine: Engine, beginning: str) -> Task | None:
    """The task whose id begins so, of any account; None if there is none, or more than one."""
    wanted = select(tasks).where(tasks.c.id.startswith(beginning, autoescape=True)).limit(2)
    with reading(engine) as connection:
        rows = connection.execute(wanted).all()
    return task_of(rows[0]) if len(rows) == 1 else None
