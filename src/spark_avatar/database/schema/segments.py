"""Segments: parts of long recordings' videos. There are rows only of tasks that have not ended."""

from sqlalchemy import Column, Float, Index, Integer, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

segments = Table(
    "segments",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("plan_attempt", Integer, nullable=False),
    Column("first_frame", Integer, nullable=False),
    Column("end_frame", Integer, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", String),
    Column("lease_until", UtcMicroseconds),
    Column("progress", Float, nullable=False),
    Column("compute_units", Integer, nullable=False),
    Column("failure_code", String),
    Column("failure_message", String),
    Index("ix_segments_queue", "status", "account_id"),
)
