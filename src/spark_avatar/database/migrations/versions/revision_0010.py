"""Segments of long recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("plan_attempt", sa.Integer, nullable=False),
        sa.Column("first_frame", sa.Integer, nullable=False),
        sa.Column("end_frame", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("compute_units", sa.Integer, nullable=False),
        sa.Column("failure_code", sa.String),
        sa.Column("failure_message", sa.String),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_segments"),
    )
    op.create_index("ix_segments_queue", "segments", ["status", "account_id"])
