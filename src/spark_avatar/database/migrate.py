"""Brings a database to the current schema."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url

from spark_avatar.database.dialects import one_at_a_time
from spark_avatar.database.engine import open_database, writing
from spark_avatar.database.patience import wait_for_database

_LOCK = 7_223_911_405_612
"""Any number, as long as it is always the same: PostgreSQL's lock that upgrades of one database take."""

_log = logging.getLogger(__name__)


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Brings the schema to the revision, the newest by default, all or nothing. Safe to call from several processes at once,
    and cheap when there is nothing to do.

    A schema that a later release has brought further is left as it is: steps only add, so the release before goes on, and may
    be started again, while the next one comes.
    """
    engine = open_database(database_url)
    try:
        with writing(engine) as connection:
            one_at_a_time(connection, _LOCK)
            found = MigrationContext.configure(connection).get_current_revision()
            if found is not None and found > newest_revision():
                _log.warning("the database is of a later release", extra={"found": found, "known": newest_revision()})
                return
            command.upgrade(_configuration(connection), revision)
    finally:
        engine.dispose()


def upgrade_when_there(
    database_url: str, *, over: threading.Event | None = None, on_away: Callable[[], None] | None = None
) -> bool:
    """As `upgrade`; a PostgreSQL that does not answer is waited for, until `over` is set. Returns whether it answered. `on_away`
    is told when it did not at once.
    """
    if make_url(database_url).get_backend_name() == "sqlite":  # a file that cannot be opened will not open later
        upgrade(database_url)
        return True
    return wait_for_database(partial(upgrade, database_url), over=over, on_away=on_away)


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
