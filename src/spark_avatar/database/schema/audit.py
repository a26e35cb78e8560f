"""What happened that matters to security. Rows are only ever added, and removed by age."""

from sqlalchemy import JSON, Column, Index, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", UtcMicroseconds, nullable=False),
    # Nothing where no account is known: a wrong password.
    Column("account_id", String),
    # `user:ID`, `key:ID`, `command line` or `anonymous`.
    Column("actor", String, nullable=False),
    # e.g. `key.created`
    Column("action", String, nullable=False),
    # What it was done to, e.g. `key:ID`.
    Column("subject", String),
    Column("address", String),
    Column("request_id", String),
    # Facts without secrets or media.
    Column("details", JSON, nullable=False),
    Index("ix_audit_events_account", "account_id", "created_at"),
    Index("ix_audit_events_age", "created_at"),
)
