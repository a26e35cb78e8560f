"""Tasks in the making, in a SQL database."""

from sqlalchemy import Connection, Engine, delete, insert, select, update

from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import staged_tasks
from spark_avatar.errors import TaskCreationError
from spark_avatar.tasks.staging import StagedTask
from spark_avatar.tasks.task import AccountId, TaskId

_column = staged_tasks.c


class SqlStagedTasks:
    """`StagedTasks` on SQLite or PostgreSQL, for any number of threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, task_id: TaskId, account_id: AccountId) -> None:
        """Notes a task before its first input is stored. Storing the task ends the note."""
        with writing(self._engine) as connection:
            connection.execute(insert(staged_tasks).values(task_id=task_id, account_id=account_id, abandoned=False))

    def all(self) -> list[StagedTask]:
        """All that have begun and are not stored."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_column.task_id, _column.account_id, _column.abandoned)).all()
        return [StagedTask(TaskId(row.task_id), AccountId(row.account_id), row.abandoned) for row in rows]

    def abandon(self, task_id: TaskId) -> bool:
        """Decides that the task shall not be stored any more; False when it is stored or given up already."""
        given_up = update(staged_tasks).where(_column.task_id == task_id, _column.abandoned.is_(False)).values(abandoned=True)
        with writing(self._engine) as connection:
            return connection.execute(given_up).rowcount == 1

    def forget(self, task_id: TaskId) -> None:
        """Drops the note, if there is one: nothing is left of the task."""
        with writing(self._engine) as connection:
            connection.execute(delete(staged_tasks).where(_column.task_id == task_id))


def end_staging(connection: Connection, task_id: TaskId) -> None:
    """To be called in the transaction that stores the task. Raises `TaskCreationError` when its inputs were given up, and are
    or will be removed.
    """
    ended = delete(staged_tasks).where(_column.task_id == task_id).returning(_column.abandoned)
    if connection.execute(ended).scalar_one_or_none():
        raise TaskCreationError("storing the inputs took too long: try again")
