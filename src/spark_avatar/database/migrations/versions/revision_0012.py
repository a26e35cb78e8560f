"""Keys that took each other's place share a budget."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("lineage", sa.String))
    op.create_index("ix_api_keys_lineage", "api_keys", ["lineage"])
    keys = sa.table("api_keys", sa.column("id"), sa.column("rotated_to"), sa.column("lineage"))
    rotated = sa.select(keys.c.id, keys.c.rotated_to).where(keys.c.rotated_to.is_not(None))
    after = {row.id: row.rotated_to for row in op.get_bind().execute(rotated)}
    for first in after.keys() - set(after.values()):
        line = [first]
        while (successor := after.get(line[-1])) is not None:
            line.append(successor)
        op.get_bind().execute(keys.update().where(keys.c.id.in_(line)).values(lineage=first))
