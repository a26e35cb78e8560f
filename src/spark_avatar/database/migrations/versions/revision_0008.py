"""Which jobs tasks have at engines elsewhere, and which servers of those get no new ones."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engine_notes",
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("note", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "engine", name="pk_engine_notes"),
    )
    op.create_table(
        "drained_servers",
        sa.Column("url", sa.String, nullable=False),
        sa.Column("drained_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("url", name="pk_drained_servers"),
    )
