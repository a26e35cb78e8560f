"""Statements that SQLite and PostgreSQL both know, but SQLAlchemy spells per dialect."""

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_missing(connection: Connection, table: Table) -> Insert:
    """An insert that does nothing when the row is there already, even if another transaction just put it there."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
