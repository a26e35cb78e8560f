"""Tasks in the making: rows of requests under way, and for a while of those that a dead server left."""

from sqlalchemy import Boolean, Column, String, Table

from spark_avatar.database.schema.base import metadata

staged_tasks = Table(
    "staged_tasks",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("abandoned", Boolean, nullable=False),
)
