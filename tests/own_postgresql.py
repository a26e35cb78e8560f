"""Databases of a test's own on the PostgreSQL of this machine."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432"


@contextmanager
def new_postgresql() -> Iterator[str]:
    """The address of a new database on the PostgreSQL of this machine; skips where there is none, fails in CI."""
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: its driver is not installed")
    engine = create_engine(f"{POSTGRESQL}/postgres?connect_timeout=3", isolation_level="AUTOCOMMIT")
    name = f"spark_avatar_acceptance_{uuid.uuid4().hex}"
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            pytest.fail("no PostgreSQL answers on 127.0.0.1:5432")
        pytest.skip("PostgreSQL is not tested: none answers on 127.0.0.1:5432")
    yield f"{POSTGRESQL}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
