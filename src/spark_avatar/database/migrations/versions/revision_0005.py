"""Webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.String),
        sa.PrimaryKeyConstraint("task_id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_account", "webhooks", ["account_id", "created_at"])
    pending = sa.text("next_at IS NOT NULL")
    op.create_index("ix_webhooks_due", "webhooks", ["next_at"], sqlite_where=pending, postgresql_where=pending)
