"""What is known of engines elsewhere."""

from sqlalchemy import JSON, Column, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

engine_notes = Table(
    "engine_notes",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("engine", String, primary_key=True),
    Column("note", JSON, nullable=False),
)
"""Which job a task has elsewhere, in the engine's own words: the next attempt takes it up."""

drained_servers = Table(
    "drained_servers",
    metadata,
    Column("url", String, primary_key=True),
    Column("drained_at", UtcMicroseconds, nullable=False),
)
"""Servers of engines that get no new jobs, whichever host's worker has one."""
