"""Alembic runs this: applies revisions on the connection, and in the transaction, that `migrate.upgrade` began."""

from alembic import context

from spark_avatar.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place: Alembic then copies the table.
    render_as_batch=True,
    # Both databases roll back DDL, once the driver leaves transactions to us.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
