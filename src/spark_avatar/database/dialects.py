"""Statements that SQLite and PostgreSQL both know, but SQLAlchemy spells per dialect."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Insert, Table, text
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_missing(connection: Connection, table: Table) -> Insert:
    """An insert that does nothing when the row is there already, even if another transaction just put it there."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_or_replace(table: Table, *, where: ColumnElement[bool]) -> Mapping[str, Insert]:
    """By the dialect's name: an insert that replaces the row that is there already where that meets the condition, and does
    nothing where not.
    """
    key, others = table.primary_key, [column.name for column in table.c if not column.primary_key]
    into, new = postgresql.insert(table), sqlite.insert(table)
    return {
        "postgresql": into.on_conflict_do_update(
            index_elements=key, set_={name: into.excluded[name] for name in others}, where=where
        ),
        "sqlite": new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in others}, where=where),
    }


def insert_or_add(connection: Connection, table: Table, columns: Sequence[str]) -> Insert:
    """An insert that adds the row's numbers in these columns to those of the row that is there already."""
    if connection.dialect.name == "postgresql":
        into = postgresql.insert(table)
        sums = {name: table.c[name] + into.excluded[name] for name in columns}
        return into.on_conflict_do_update(index_elements=table.primary_key, set_=sums)
    new = sqlite.insert(table)
    sums = {name: table.c[name] + new.excluded[name] for name in columns}
    return new.on_conflict_do_update(index_elements=table.primary_key, set_=sums)


def one_at_a_time(connection: Connection, lock: int) -> None:
    """Until this transaction ends, every other one that names the lock waits here. SQLite lets in one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
