"""Databases for the contracts: a SQLite file, and PostgreSQL where one answers on this machine."""

import os
import uuid

import pytest
from current_sqlite import current_sqlite
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from spark_avatar.database.engine import open_database, writing
from spark_avatar.database.migrate import upgrade
from spark_avatar.database.schema import metadata

POSTGRESQL = make_url("postgresql+psycopg://postgres@127.0.0.1:5432/postgres?connect_timeout=3")


def _without_postgresql(reason):
    """Where the driver is installed, CI must test with it: a skipped contract would look like a kept one."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"PostgreSQL cannot be tested: {reason}")
    pytest.skip(f"PostgreSQL is not tested: {reason}")


@pytest.fixture(scope="session")
def postgresql_server():
    """An engine on the server's own database, outside transactions."""
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: its driver is not installed")
    engine = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    try:
        engine.connect().close()
    except OperationalError:
        _without_postgresql("no server answers on 127.0.0.1:5432 for the user postgres")
    yield engine
    engine.dispose()


def _new_database(server) -> URL:
    name = f"spark_avatar_test_{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return POSTGRESQL.set(database=name)


def _drop(server, url):
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))


@pytest.fixture(scope="session")
def shared_postgresql_url(postgresql_server):
    """One database with the schema for all tests: making one takes long."""
    url = _new_database(postgresql_server)
    upgrade(url.render_as_string())
    yield url.render_as_string()
    _drop(postgresql_server, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """A database with the schema and nothing in it."""
    if request.param == "sqlite":
        return current_sqlite(tmp_path / "data" / "spark.db")
    url = request.getfixturevalue("shared_postgresql_url")
    engine = open_database(url)
    with writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'bare.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    url = _new_database(server)
    yield url.render_as_string()
    _drop(server, url)


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()
