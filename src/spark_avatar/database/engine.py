"""Opens the database, and the two kinds of transaction on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from spark_avatar.database import sqlite
from spark_avatar.errors import ConfigurationError

_POOL_SIZE = 8
_POOL_OVERFLOW = 24
"""Connections beyond those kept open, for bursts. A transaction takes about a millisecond: threads that find none wait
for so long.
"""


def open_database(url: str) -> Engine:
    """Connects lazily to `sqlite:///path` or `postgresql://...`. Every process opens its own; an engine must not cross a
    fork. Raises `ConfigurationError` for another kind of database, or a missing driver.
    """
    address = _parse(url)
    options: dict[str, object] = {"json_serializer": _to_json}
    if address.get_backend_name() == "sqlite":
        sqlite.make_folder(address)
    else:
        # A connection may have died with the server since its last use: ask before handing it out.
        options["pool_pre_ping"] = True
    try:
        engine = create_engine(address, pool_size=_POOL_SIZE, max_overflow=_POOL_OVERFLOW, **options)
    except ModuleNotFoundError as missing:
        raise ConfigurationError("PostgreSQL needs its driver: install `spark-avatar[scale]`.") from missing
    if engine.dialect.name == "sqlite":
        sqlite.configure(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes something: committed at the end, rolled back on any exception."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: on SQLite it waits for nobody."""
    with engine.connect() as connection:
        yield connection.execution_options(**{sqlite.READ_ONLY: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees the database as it is at one moment, however many statements it takes."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection.execution_options(**{sqlite.READ_ONLY: True})


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
