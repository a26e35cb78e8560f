"""Deliveries in a SQL database."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, func, insert, select, update

from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import tasks, webhook_attempts, webhook_deliveries, webhook_endpoints, webhooks
from spark_avatar.errors import NotFound
from spark_avatar.tasks.deliveries import TEST, Attempt, Delivery, DeliveryFilter, event_of
from spark_avatar.tasks.sql import documents
from spark_avatar.tasks.task import AccountId, Task, TaskId

_column = webhook_deliveries.c
_endpoint = webhook_endpoints.c
_url = func.coalesce(_endpoint.url, _column.url).label("url")
_DELIVERIES = select(*(column for column in _column if column is not _column.url), _url).outerjoin(
    webhook_endpoints, _endpoint.id == _column.endpoint_id
)
_NEW: Final[dict[str, Any]] = {"attempts": 0, "retry": 0, "delivered_at": None, "last_status": None, "last_error": None}


class SqlDeliveryStore:
    """A `DeliveryStore` on SQLite or PostgreSQL, for any number of threads and servers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_test(self, *, endpoint_id: str, account_id: AccountId, now: datetime) -> Delivery:
        """A message that says nothing but that messages arrive."""
        row = _row(account_id, event=TEST, now=now, endpoint_id=endpoint_id)
        with writing(self._engine) as connection:
            connection.execute(insert(webhook_deliveries), row)
        return self.get(row["id"], account_id)

    def due(self, now: datetime, *, limit: int, of_account: int) -> list[Delivery]:
        """Those whose time has come, so many of one account, the most overdue of each account first; those of disabled endpoints
        wait.
        """
        place = func.row_number().over(partition_by=_column.account_id, order_by=(_column.next_at, _column.id)).label("place")
        ready = (
            select(_column.id, place)
            .outerjoin(webhook_endpoints, _endpoint.id == _column.endpoint_id)
            .where(_column.next_at <= now, _endpoint.disabled_at.is_(None))
            .subquery()
        )
        chosen = _DELIVERIES.join(ready, ready.c.id == _column.id).where(ready.c.place <= of_account)
        return self._all(chosen.order_by(ready.c.place, _column.next_at, _column.id).limit(limit))

    def take(self, delivery: Delivery, *, until: datetime) -> bool:
        """Reserves a delivery for one attempt; False when another server was first. It is due again after `until`."""
        untaken = update(webhook_deliveries).where(_column.id == delivery.id, _column.next_at == delivery.next_at)
        with writing(self._engine) as connection:
            return connection.execute(untaken.values(next_at=until)).rowcount == 1

    def settle(self, delivery: Delivery, attempt: Attempt, *, delivered_at: datetime | None, next_at: datetime | None) -> None:
        """Records an attempt and what follows from it."""
        news = {
            "attempts": attempt.number,
            "retry": _column.retry + 1,
            "last_status": attempt.status,
            "last_error": attempt.error,
            "delivered_at": delivered_at,
            "next_at": next_at,
        }
        with writing(self._engine) as connection:
            if connection.execute(update(webhook_deliveries).where(_column.id == delivery.id).values(news)).rowcount == 1:
                connection.execute(insert_if_missing(connection, webhook_attempts), {"delivery_id": delivery.id, **vars(attempt)})

    def replay(self, delivery_id: str, account_id: AccountId, *, now: datetime) -> Delivery:
        """Makes it due now, with the schedule from its beginning; raises `NotFound`."""
        found = self.get(delivery_id, account_id)
        with writing(self._engine) as connection:
            anew = update(webhook_deliveries).where(_column.id == found.id).values(next_at=now, retry=0, delivered_at=None)
            connection.execute(anew)
        return self.get(delivery_id, account_id)

    def get(self, delivery_id: str, account_id: AccountId) -> Delivery:
        """The account's delivery; raises `NotFound`."""
        if "\0" in delivery_id:  # from a URL; PostgreSQL takes no NUL in text
            raise NotFound("There is no such delivery.")
        found = self._all(_DELIVERIES.where(_column.id == delivery_id, _column.account_id == account_id))
        if not found:
            raise NotFound("There is no such delivery.")
        return found[0]

    def attempts_of(self, delivery_id: str) -> list[Attempt]:
        """All attempts, the oldest first."""
        attempt = webhook_attempts.c
        query = (
            select(attempt.number, attempt.at, attempt.status, attempt.error, attempt.milliseconds)
            .where(attempt.delivery_id == delivery_id)
            .order_by(attempt.number)
        )
        with reading(self._engine) as connection:
            return [Attempt(**row._mapping) for row in connection.execute(query)]

    def of_account(self, account_id: AccountId, *, limit: int, which: DeliveryFilter | None = None) -> list[Delivery]:
        """The account's deliveries, newest first."""
        wanted: list[ColumnElement[bool]] = [_column.account_id == account_id]
        if which is not None and which.endpoint_id is not None:
            wanted.append(_column.endpoint_id == which.endpoint_id)
        if which is not None and which.task_id is not None:
            wanted.append(_column.task_id == which.task_id)
        return self._all(_DELIVERIES.where(*wanted).order_by(_column.created_at.desc(), _column.id.desc()).limit(limit))

    def tidy(self, *, tests_before: datetime) -> None:
        """Forgets old tests; takes over what a server of the release before has left to be delivered."""
        with writing(self._engine) as connection:
            _drop(connection, _column.task_id.is_(None), _column.created_at < tests_before)
            _adopt(connection)

    def _all(self, query: Any) -> list[Delivery]:
        with reading(self._engine) as connection:
            return [_delivery_of(row) for row in connection.execute(query)]


def promise_delivery(connection: Connection, task: Task) -> None:
    """Notes the address that a new task's request names, where a server of the release before looks for it: it may run beside
    this one, and end the task.
    """
    if task.request.webhook_url:
        row = {"task_id": task.id, "account_id": task.account_id, "url": task.request.webhook_url, "attempts": 0}
        connection.execute(insert(webhooks), {**row, "created_at": task.created_at, "next_at": task.created_at})


def plan_deliveries(connection: Connection, task_id: TaskId, facts: Row[Any], *, code: str | None, now: datetime) -> None:
    """Makes the deliveries about a task that ends in this transaction, with the code of its failure if it fails: to the address
    that its request named, and to the account's endpoints that ask for the event. `facts` are of the task's row.
    """
    account_id, event = AccountId(facts.account_id), event_of(code)
    rows = []
    if url := documents.read_request(facts.request).webhook_url:
        rows.append({**_row(account_id, event=event, now=now, task_id=task_id, url=url), "id": f"msg_{task_id}"})
        connection.execute(delete(webhooks).where(webhooks.c.task_id == task_id))
    wanted = select(_endpoint.id, _endpoint.events).where(_endpoint.account_id == account_id, _endpoint.disabled_at.is_(None))
    rows += [
        _row(account_id, event=event, now=now, task_id=task_id, endpoint_id=endpoint.id)
        for endpoint in connection.execute(wanted)
        if event in endpoint.events
    ]
    if rows:
        connection.execute(insert(webhook_deliveries), rows)


def drop_deliveries(connection: Connection, task_id: TaskId) -> None:
    """Forgets the deliveries about a task that is removed."""
    _drop(connection, _column.task_id == task_id)
    connection.execute(delete(webhooks).where(webhooks.c.task_id == task_id))


def _drop(connection: Connection, *which: ColumnElement[bool]) -> None:
    ids = select(_column.id).where(*which)
    connection.execute(delete(webhook_attempts).where(webhook_attempts.c.delivery_id.in_(ids)))
    connection.execute(delete(webhook_deliveries).where(*which))


def _adopt(connection: Connection) -> None:
    """Servers of the release before kept deliveries in `webhooks`, and may still run beside this one."""
    ended = select(tasks.c.id).where(tasks.c.ended_at.is_not(None))
    left = connection.execute(delete(webhooks).where(webhooks.c.task_id.in_(ended)).returning(*webhooks.c)).all()
    rows = [_adopted(connection, row) for row in left]
    if rows:
        connection.execute(insert_if_missing(connection, webhook_deliveries), rows)


def _adopted(connection: Connection, old: Row[Any]) -> dict[str, Any]:
    code: str | None = connection.execute(select(tasks.c.failure_code).where(tasks.c.id == old.task_id)).scalar_one()
    kept = {name: value for name, value in old._mapping.items() if name in _column}
    event = event_of(code)
    return {**kept, "id": f"msg_{old.task_id}", "endpoint_id": None, "event": event, "retry": old.attempts}


def _row(
    account_id: AccountId,
    *,
    event: str,
    now: datetime,
    endpoint_id: str | None = None,
    task_id: TaskId | None = None,
    url: str | None = None,
) -> dict[str, Any]:
    return {
        **_NEW,
        "id": f"msg_{uuid.uuid4().hex}",
        "account_id": account_id,
        "endpoint_id": endpoint_id,
        "task_id": task_id,
        "event": event,
        "url": url,
        "created_at": now,
        "next_at": now,
    }


def _delivery_of(row: Row[Any]) -> Delivery:
    return Delivery(**row._mapping)
