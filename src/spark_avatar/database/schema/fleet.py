"""The workers, and the chores that one of many servers does for all."""

from sqlalchemy import Column, Integer, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

workers = Table(
    "workers",
    metadata,
    Column("name", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    # Comma-separated; empty for all.
    Column("engines", String, nullable=False),
    Column("version", String, nullable=False),
    Column("state", String, nullable=False),
    Column("task_id", String),
    # These three by the database's clock, as workers have clocks of their own.
    Column("busy_since", UtcMicroseconds),
    Column("started_at", UtcMicroseconds, nullable=False),
    Column("seen_at", UtcMicroseconds, nullable=False),
)

chores = Table(
    "chores",
    metadata,
    Column("name", String, primary_key=True),
    # By the database's clock.
    Column("due_at", UtcMicroseconds, nullable=False),
)
