"""Webhook endpoints in a SQL database."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, func, insert, select, update

from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import webhook_attempts, webhook_deliveries, webhook_endpoints
from spark_avatar.errors import Conflict, NotFound
from spark_avatar.tasks.endpoints import DisabledBecause, Endpoint, EndpointTerms
from spark_avatar.tasks.task import AccountId

_column = webhook_endpoints.c


class SqlEndpointStore:
    """An `EndpointStore` on SQLite or PostgreSQL, for any number of threads and servers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, endpoint: Endpoint, *, most: int) -> None:
        """Stores a new one; raises `Conflict` where the account has `most` already."""
        counted = select(func.count()).where(_column.account_id == endpoint.account_id)
        fields = {name: value for name, value in vars(endpoint).items() if name != "terms"}
        with writing(self._engine) as connection:
            if connection.execute(counted).scalar_one() >= most:
                raise Conflict(f"An account may have {most} webhook endpoints: remove one first.")
            connection.execute(insert(webhook_endpoints), {**fields, **_terms(endpoint.terms)})

    def get(self, endpoint_id: str, account_id: AccountId) -> Endpoint:
        """The account's endpoint; raises `NotFound`."""
        endpoint = self.find(endpoint_id)
        if endpoint is None or endpoint.account_id != account_id:
            raise NotFound("There is no such webhook endpoint.")
        return endpoint

    def find(self, endpoint_id: str) -> Endpoint | None:
        """Any account's endpoint."""
        if "\0" in endpoint_id:  # from a URL; PostgreSQL takes no NUL in text
            return None
        with reading(self._engine) as connection:
            row = connection.execute(select(webhook_endpoints).where(_column.id == endpoint_id)).one_or_none()
        return None if row is None else endpoint_of(row)

    def of_account(self, account_id: AccountId) -> list[Endpoint]:
        """All of an account, the oldest first."""
        own = select(webhook_endpoints).where(_column.account_id == account_id).order_by(_column.created_at, _column.id)
        with reading(self._engine) as connection:
            return [endpoint_of(row) for row in connection.execute(own)]

    def change(self, endpoint_id: str, account_id: AccountId, terms: EndpointTerms) -> Endpoint:
        """Replaces the terms; raises `NotFound`."""
        self._update(_terms(terms), _column.id == self.get(endpoint_id, account_id).id)
        return self.get(endpoint_id, account_id)

    def rotate(self, endpoint_id: str, account_id: AccountId, *, grace: timedelta, now: datetime) -> Endpoint:
        """The next secret; the one before signs until the grace is over. Raises `NotFound`."""
        news = {"secret_number": _column.secret_number + 1, "previous_until": now + grace if grace else None}
        self._update(news, _column.id == self.get(endpoint_id, account_id).id)
        return self.get(endpoint_id, account_id)

    def disable(self, endpoint_id: str, because: DisabledBecause, *, now: datetime) -> bool:
        """Nothing is sent until it is enabled; False where it was disabled before."""
        news = {"disabled_at": now, "disabled_because": because.value}
        return self._update(news, _column.id == endpoint_id, _column.disabled_at.is_(None))

    def enable(self, endpoint_id: str) -> None:
        """Goes on, with a clean record."""
        news = {"disabled_at": None, "disabled_because": None, "failing_since": None}
        self._update(news, _column.id == endpoint_id)

    def note_success(self, endpoint_id: str) -> None:
        """A message arrived."""
        self._update({"failing_since": None}, _column.id == endpoint_id, _column.failing_since.is_not(None))

    def note_failure(self, endpoint_id: str, *, now: datetime) -> datetime:
        """A message did not arrive; since when none has."""
        self._update({"failing_since": now}, _column.id == endpoint_id, _column.failing_since.is_(None))
        endpoint = self.find(endpoint_id)
        return now if endpoint is None or endpoint.failing_since is None else endpoint.failing_since

    def remove(self, endpoint_id: str, account_id: AccountId) -> None:
        """Forgets it with all its deliveries; raises `NotFound`."""
        self.get(endpoint_id, account_id)
        its_deliveries = webhook_deliveries.c.endpoint_id == endpoint_id
        ids = select(webhook_deliveries.c.id).where(its_deliveries)
        with writing(self._engine) as connection:
            connection.execute(delete(webhook_attempts).where(webhook_attempts.c.delivery_id.in_(ids)))
            connection.execute(delete(webhook_deliveries).where(its_deliveries))
            connection.execute(delete(webhook_endpoints).where(_column.id == endpoint_id))

    def _update(self, news: dict[str, Any], *which: ColumnElement[bool]) -> bool:
        with writing(self._engine) as connection:
            return connection.execute(update(webhook_endpoints).where(*which).values(news)).rowcount == 1


def endpoint_of(row: Row[Any]) -> Endpoint:
    """An endpoint from a row of the table."""
    because = row.disabled_because
    return Endpoint(
        id=row.id,
        account_id=AccountId(row.account_id),
        terms=EndpointTerms(row.url, tuple(row.events), row.description),
        created_at=row.created_at,
        secret_number=row.secret_number,
        previous_until=row.previous_until,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_because=None if because is None else DisabledBecause(because),
    )


def _terms(terms: EndpointTerms) -> dict[str, Any]:
    return {**asdict(terms), "events": list(terms.events)}
