"""Opens the database, and the two kinds of transaction on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from spark_avatar.database import sqlite
from spark_avatar.errors import ConfigurationError, LibraryMissing

_POOL_SIZE = 8
_POOL_OVERFLOW = 24
"""Connections beyond those kept open, for bursts. A transaction takes about a millisecond: threads that find none wait
for so long.
"""
_POSTGRESQL_POOL_SIZE = 32
"""PostgreSQL starts a process for a connection: one that is opened for a burst costs more than the burst's own work."""
_POSTGRESQL_LINE = {
    # A way that is cut without a word is noticed in seconds, not when the system gives up after hours.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def open_database(url: str) -> Engine:
    """Connects lazily to `sqlite:///path` or `postgresql://...`. Every process opens its own; an engine must not cross a
    fork. Raises `ConfigurationError` for another kind of database, or a missing driver.
    """
    address = _parse(url)
    options: dict[str, object] = {"json_serializer": _to_json, "pool_size": _POOL_SIZE, "max_overflow": _POOL_OVERFLOW}
    if address.get_backend_name() == "sqlite":
        sqlite.make_folder(address)
    else:
        # A connection may have died with the server since its last use: ask before handing it out.
        options["pool_pre_ping"] = True
        options["pool_size"], options["max_overflow"] = _POSTGRESQL_POOL_SIZE, _POOL_SIZE
        options["connect_args"] = {name: value for name, value in _POSTGRESQL_LINE.items() if name not in address.query}
    try:
        engine = create_engine(address, **options)
    except ModuleNotFoundError as missing:
        raise LibraryMissing("PostgreSQL needs its driver") from missing
    if engine.dialect.name == "sqlite":
        sqlite.configure(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes something: committed at the end, rolled back on any exception."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with sqlite.turn(engine), engine.begin() as connection:
        sqlite.begin_writing(connection)
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Only reads: on SQLite it waits for nobody. Each statement is a transaction of its own: in a common one they would see the
    same on PostgreSQL (READ COMMITTED), and its begin and end cost two more statements.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees the database as it is at one moment, however many statements it takes."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        else:
            sqlite.begin_reading(connection)
        yield connection


def _to_json(value: object) -> str:
    # NaN is no JSON, and PostgreSQL refuses it: so must SQLite.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as unreadable:
        raise ConfigurationError("The database URL cannot be read: use `sqlite:///path` or `postgresql://...`.") from unreadable
    backend = address.get_backend_name()
    if backend == "sqlite" and sqlite.is_file(address):
        return address
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    raise ConfigurationError("The database must be a SQLite file (`sqlite:///path`) or PostgreSQL (`postgresql://...`).")
