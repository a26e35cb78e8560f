"""The roster and the chores in a SQL database. Every time in them is the database's: workers' clocks may be wrong."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Engine, Row, delete, insert, literal, or_, select, type_coerce, update

from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import chores, workers
from spark_avatar.database.times import UtcMicroseconds, database_now
from spark_avatar.dispatch.roster import WorkerRecord, WorkerState

_SECOND: Final = 1_000_000
_column = workers.c


class SqlRoster:
    """A `Roster` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sign(
        self,
        name: str,
        *,
        host: str,
        pid: int,
        engines: Collection[str],
        version: str,
        state: WorkerState,
        task_id: str | None,
        busy_seconds: float,
    ) -> None:
        """Says that the worker is there now."""
        news: dict[str, Any] = {
            "state": state.value,
            "task_id": task_id,
            "busy_since": _from_now(-busy_seconds) if task_id is not None else None,
            "seen_at": database_now(),
        }
        with writing(self._engine) as connection:
            if connection.execute(update(workers).where(_column.name == name).values(news)).rowcount == 0:
                facts = {"name": name, "host": host, "pid": pid, "engines": ",".join(engines), "version": version}
                connection.execute(insert(workers).values(**facts, **news, started_at=database_now()))

    def leave(self, name: str) -> None:
        """Forgets a worker that has ended."""
        with writing(self._engine) as connection:
            connection.execute(delete(workers).where(_column.name == name))

    def all(self) -> list[WorkerRecord]:
        """Every worker that has not left, by name."""
        now = type_coerce(database_now(), BigInteger)
        ages = {
            "busy_for": now - type_coerce(_column.busy_since, BigInteger),
            "started_ago": now - type_coerce(_column.started_at, BigInteger),
            "seen_ago": now - type_coerce(_column.seen_at, BigInteger),
        }
        query = select(workers, *(age.label(name) for name, age in ages.items())).order_by(_column.name)
        with reading(self._engine) as connection:
            return [_record_of(row) for row in connection.execute(query)]

    def forget_silent(self, seconds: float) -> int:
        """Forgets those that were not heard for so long; returns how many there were."""
        with writing(self._engine) as connection:
            return connection.execute(delete(workers).where(_column.seen_at < _from_now(-seconds))).rowcount


class SqlChores:
    """What one of many servers has to do for all, every so often."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, name: str, *, every_seconds: float) -> bool:
        """Whether the chore is due, and the caller's: then it is nobody else's for `every_seconds`."""
        next_time = _from_now(every_seconds)
        # Due in a farther future than it can be set to: the database's clock was put back.
        due = or_(chores.c.due_at <= database_now(), chores.c.due_at > next_time)
        with writing(self._engine) as connection:
            if connection.execute(update(chores).where(chores.c.name == name, due).values(due_at=next_time)).rowcount:
                return True
            first = insert_if_missing(connection, chores).values(name=name, due_at=next_time).returning(chores.c.name)
            return connection.execute(first).one_or_none() is not None


def _from_now(seconds: float) -> ColumnElement[Any]:
    moment = type_coerce(database_now(), BigInteger) + literal(round(seconds * _SECOND), BigInteger)
    return type_coerce(moment, UtcMicroseconds)


def _state_of(word: str) -> WorkerState:
    """A worker of a later release may be in a state that this one does not know."""
    return WorkerState(word) if word in set(WorkerState) else WorkerState.STARTING


def _record_of(row: Row[Any]) -> WorkerRecord:
    return WorkerRecord(
        name=row.name,
        host=row.host,
        pid=row.pid,
        engines=tuple(filter(None, row.engines.split(","))),
        version=row.version,
        state=_state_of(row.state),
        task_id=row.task_id,
        busy_seconds=(row.busy_for or 0) / _SECOND,
        started_ago=row.started_ago / _SECOND,
        seen_ago=row.seen_ago / _SECOND,
    )
