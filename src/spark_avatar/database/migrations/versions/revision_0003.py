"""A queue for each account, and whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("served_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_turns"),
    )
    op.drop_index("ix_tasks_claim_order", "tasks")
    op.create_index("ix_tasks_queues", "tasks", ["status", "account_id", "created_at", "id"])
