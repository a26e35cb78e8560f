"""A copy of a SQLite database at one moment, taken while others read and write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from spark_avatar.errors import ConfigurationError
from spark_avatar.private_files import make_private_file


def copy_database(source: Path, target: Path) -> None:
    """Makes `target`, one file without a journal, for its owner only. Raises `ConfigurationError` when the source is damaged, or
    there is no room.
    """
    make_private_file(target)
    try:
        with closing(_read_only(source)) as original, closing(sqlite3.connect(target)) as copy:
            # In one step: SQLite begins anew after a write between two, and beside a busy server it would never be done. Writers
            # need not wait, as the copy only reads.
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"The database cannot be copied: {error}.") from error
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise ConfigurationError(f"The database is damaged: {verdict}. Restore an older backup.")


def schema_of(file: Path) -> str:
    """The revision of the schema. Raises `ConfigurationError` for a file that is no database of ours."""
    try:
        with closing(_read_only(file)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise ConfigurationError(f"The database {file.name} cannot be read: {error}.") from error
    return str(row[0]) if row else ""


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
