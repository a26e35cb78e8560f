"""Which servers of engines get no new jobs: one word for all workers, on whichever machine."""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import DBAPIError

from spark_avatar.database.dialects import insert_if_missing
from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import drained_servers

_column = drained_servers.c
_log = logging.getLogger(__name__)


class DrainedServers:
    """Kept in a SQL database, by address."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def drain(self, url: str) -> None:
        """The server gets no new jobs from now on."""
        with writing(self._engine) as connection:
            connection.execute(insert_if_missing(connection, drained_servers), {"url": url, "drained_at": datetime.now(UTC)})

    def resume(self, url: str) -> None:
        """It gets jobs again."""
        with writing(self._engine) as connection:
            connection.execute(delete(drained_servers).where(_column.url == url))

    def drained(self, url: str) -> bool:
        """Whether it is to get no new jobs. While the database is away, nothing is known of that, and work goes on."""
        try:
            with reading(self._engine) as connection:
                return connection.execute(select(_column.url).where(_column.url == url)).one_or_none() is not None
        except DBAPIError:
            _log.exception("nobody knows which servers are drained")
            return False
