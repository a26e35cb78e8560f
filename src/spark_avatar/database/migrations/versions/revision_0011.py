"""What finished tasks took, added up."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stage_totals",
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("tasks", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("engine", "stage", name="pk_stage_totals"),
    )
