"""Times in the database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcMicroseconds(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 in UTC: exact, sortable, and alike in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Time to integer; raises `ValueError` for a time without a zone, which could mean anything."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Integer to time."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class database_now(FunctionElement[datetime]):  # noqa: N801 - reads as the function that it is in SQL
    """The time by the database's clock when the statement runs, not when its transaction began. Of several machines' clocks
    it is the one that all can ask.
    """

    type = UtcMicroseconds()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _now_of_postgresql(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(database_now, "sqlite")
def _now_of_sqlite(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
