"""Deliveries in a SQL database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import tasks, webhooks
from spark_avatar.tasks.deliveries import Delivery
from spark_avatar.tasks.task import AccountId, Task, TaskId

_column = webhooks.c


class SqlDeliveryStore:
    """A `DeliveryStore` on SQLite or PostgreSQL, for any number of threads and servers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, now: datetime, *, limit: int) -> list[Delivery]:
        """Those of ended tasks whose time has come, the most overdue first."""
        query = (
            select(webhooks)
            .join(tasks, tasks.c.id == _column.task_id)
            .where(_column.next_at <= now, tasks.c.ended_at.is_not(None))
            .order_by(_column.next_at)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_delivery_of(row) for row in connection.execute(query)]

    def take(self, delivery: Delivery, *, until: datetime) -> bool:
        """Reserves a delivery for one attempt; False when another server was first. It is due again after `until`."""
        untaken = update(webhooks).where(_column.task_id == delivery.task_id, _column.next_at == delivery.next_at)
        with writing(self._engine) as connection:
            return connection.execute(untaken.values(next_at=until)).rowcount == 1

    def settle(
        self,
        delivery: Delivery,
        *,
        status: int | None,
        error: str | None,
        delivered_at: datetime | None,
        next_at: datetime | None,
    ) -> None:
        """Records an attempt and what follows from it."""
        news = {
            "attempts": _column.attempts + 1,
            "last_status": status,
            "last_error": error,
            "delivered_at": delivered_at,
            "next_at": next_at,
        }
        with writing(self._engine) as connection:
            connection.execute(update(webhooks).where(_column.task_id == delivery.task_id).values(news))

    def of_account(self, account_id: AccountId, *, limit: int) -> list[Delivery]:
        """The account's deliveries, newest first."""
        newest = (_column.created_at.desc(), _column.task_id.desc())
        query = select(webhooks).where(_column.account_id == account_id).order_by(*newest).limit(limit)
        with reading(self._engine) as connection:
            return [_delivery_of(row) for row in connection.execute(query)]


def plan_delivery(connection: Connection, task: Task) -> None:
    """Makes the delivery of a new task, where its request names an address."""
    if task.request.webhook_url:
        row = {
            "task_id": task.id,
            "account_id": task.account_id,
            "url": task.request.webhook_url,
            "created_at": task.created_at,
            "attempts": 0,
            "next_at": task.created_at,
        }
        connection.execute(insert(webhooks), row)


def drop_delivery(connection: Connection, task_id: TaskId) -> None:
    """Forgets the delivery of a task that is removed."""
    connection.execute(delete(webhooks).where(_column.task_id == task_id))


def _delivery_of(row: Row[Any]) -> Delivery:
    return Delivery(**{**row._mapping, "task_id": TaskId(row.task_id), "account_id": AccountId(row.account_id)})
