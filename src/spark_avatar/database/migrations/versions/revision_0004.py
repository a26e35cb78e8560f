"""Finding old tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index("ix_tasks_ended", "tasks", ["ended_at"], sqlite_where=ended, postgresql_where=ended)
