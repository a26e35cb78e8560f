"""What finished tasks took, added up: for metrics that count on when tasks are deleted, and that all servers share."""

from sqlalchemy import BigInteger, Column, Float, String, Table

from spark_avatar.database.schema.base import metadata

stage_totals = Table(
    "stage_totals",
    metadata,
    Column("engine", String, primary_key=True),
    # Of the render, and `queue`, `fetch`, `total`; `video` is the length of what came out.
    Column("stage", String, primary_key=True),
    Column("tasks", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
)
