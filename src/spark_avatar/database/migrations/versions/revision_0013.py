"""Tasks in the making."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staged_tasks",
        sa.Column("task_id", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("abandoned", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_staged_tasks"),
    )
