"""A database on PostgreSQL, where one answers on this machine."""

import os
import uuid

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from spark_avatar.database.migrate import upgrade

POSTGRESQL = make_url("postgresql+psycopg://postgres@127.0.0.1:5432/postgres?connect_timeout=3")


@pytest.fixture
def postgresql_url():
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    try:
        server.connect().close()
    except OperationalError:
        reason = "no PostgreSQL answers on 127.0.0.1:5432 for the user postgres"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    name = f"spark_avatar_test_{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = POSTGRESQL.set(database=name).render_as_string()
    upgrade(url)
    yield url
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
