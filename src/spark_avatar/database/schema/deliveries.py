"""Who is told of what, and how that went. `webhooks` beside it is from before there were endpoints."""

from sqlalchemy import JSON, Column, Index, Integer, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("url", String, nullable=False),
    Column("description", String, nullable=False),
    Column("events", JSON, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    # Counts rotations. The secret follows from the server's, the id and this number, so that no secret stands here.
    Column("secret_number", Integer, nullable=False),
    # Until then the secret before signs too.
    Column("previous_until", UtcMicroseconds),
    # The first failed attempt since the last one that went well.
    Column("failing_since", UtcMicroseconds),
    Column("disabled_at", UtcMicroseconds),
    # `owner`, `failing` or `gone`
    Column("disabled_because", String),
    Index("ix_webhook_endpoints_account", "account_id", "created_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    # The message's id: it stays when the message is sent again.
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # Nothing for the address that a request named itself.
    Column("endpoint_id", String),
    # Nothing for a test.
    Column("task_id", String),
    Column("event", String, nullable=False),
    # Of the request; an endpoint has its own.
    Column("url", String),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Which pause of the schedule comes after the next failure: a replay begins at the first.
    Column("retry", Integer, nullable=False),
    # Nothing when it is over, well or badly.
    Column("next_at", UtcMicroseconds),
    Column("delivered_at", UtcMicroseconds),
    Column("last_status", Integer),
    Column("last_error", String),
    Index("ix_webhook_deliveries_account", "account_id", "created_at"),
    Index("ix_webhook_deliveries_endpoint", "endpoint_id", "created_at"),
    Index("ix_webhook_deliveries_task", "task_id"),
)
Index(
    "ix_webhook_deliveries_due",
    webhook_deliveries.c.next_at,
    sqlite_where=webhook_deliveries.c.next_at.is_not(None),
    postgresql_where=webhook_deliveries.c.next_at.is_not(None),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UtcMicroseconds, nullable=False),
    Column("status", Integer),
    Column("error", String),
    Column("milliseconds", Integer, nullable=False),
)
