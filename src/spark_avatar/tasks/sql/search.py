"""Finding a task by a part of its id."""

from sqlalchemy import Engine, select

from spark_avatar.database.engine import reading
from spark_avatar.database.schema import tasks
from spark_avatar.tasks.sql.rows import task_of
from spark_avatar.tasks.task import AccountId, Task


def task_beginning_with(engine: Engine, beginning: str, *, account_id: AccountId | None = None) -> Task | None:
    """The task whose id begins so, of this account or of any; None if there is none, or more than one."""
    wanted = select(tasks).where(tasks.c.id.startswith(beginning, autoescape=True)).limit(2)
    if account_id is not None:
        wanted = wanted.where(tasks.c.account_id == account_id)
    with reading(engine) as connection:
        rows = connection.execute(wanted).all()
    return task_of(rows[0]) if len(rows) == 1 else None
