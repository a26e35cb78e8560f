"""The audit log in a SQL database."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, or_, select

from spark_avatar.accounts.audit import Actor, AuditEvent
from spark_avatar.accounts.sql.clock import Clock, utc_now
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import audit_events
from spark_avatar.errors import Fact

_event = audit_events.c


class SqlAuditLog:
    """An `AuditLog` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def record(
        self,
        action: str,
        *,
        actor: Actor,
        account: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Fact] | None = None,
    ) -> None:
        """Adds an event."""
        row = {
            "id": uuid.uuid4().hex,
            "created_at": self._clock(),
            "account_id": account,
            "actor": actor.name,
            "action": action,
            "subject": subject,
            "address": actor.address,
            "request_id": actor.request_id,
            "details": dict(details or {}),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(audit_events), row)

    def page(self, account: str | None, *, limit: int, before: tuple[datetime, str] | None = None) -> list[AuditEvent]:
        """At most `limit` events, of the account or of all, the newest first; only those that come after the event of this
        time and id.
        """
        query = select(audit_events).order_by(_event.created_at.desc(), _event.id.desc()).limit(limit)
        if account is not None:
            query = query.where(_event.account_id == account)
        if before is not None:
            moment, name = before
            query = query.where(_event.created_at <= moment, or_(_event.created_at < moment, _event.id < name))
        with reading(self._engine) as connection:
            return [_event_of(row) for row in connection.execute(query)]

    def forget(self, older_than: datetime) -> int:
        """Removes old events; returns how many."""
        with writing(self._engine) as connection:
            return connection.execute(delete(audit_events).where(_event.created_at < older_than)).rowcount


def _event_of(row: Row[Any]) -> AuditEvent:
    return AuditEvent(**row._mapping)
