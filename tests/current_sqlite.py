"""SQLite databases with today's schema, copied: to make one takes a hundred times as long."""

import tempfile
from functools import cache
from pathlib import Path

from spark_avatar.database.migrate import upgrade


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite3"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def current_sqlite(path: Path) -> str:
    """The URL of a new file with the schema and nothing in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty())
    return f"sqlite:///{path}"
