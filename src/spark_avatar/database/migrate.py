"""Brings a database to the current schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from spark_avatar.database.dialects import one_at_a_time
from spark_avatar.database.engine import open_database, writing

_LOCK = 7_223_911_405_612
"""Any number, as long as it is always the same: PostgreSQL's lock that upgrades of one database take."""


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Brings the schema to the revision, the newest by default, all or nothing. Safe to call from several processes at once,
    and cheap when there is nothing to do.
    """
    engine = open_database(database_url)
    try:
        with writing(engine) as connection:
            one_at_a_time(connection, _LOCK)
            command.upgrade(_configuration(connection), revision)
    finally:
        engine.dispose()


def newest_revision() -> str:
    """What `upgrade` brings a database to."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    assert head is not None
    return head


def _configuration(connection: Connection | None = None) -> Config:
    configuration = Config()
    folder = Path(__file__).parent / "migrations"
    configuration.set_main_option("script_location", str(folder).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration
