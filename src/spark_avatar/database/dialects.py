"""Statements that SQLite and PostgreSQL both know, but SQLAlchemy spells per dialect."""

from sqlalchemy import Connection, Insert, Table, text
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_missing(connection: Connection, table: Table) -> Insert:
    """An insert that does nothing when the row is there already, even if another transaction just put it there."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def one_at_a_time(connection: Connection, lock: int) -> None:
    """Until this transaction ends, every other one that names the lock waits here. SQLite lets in one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
