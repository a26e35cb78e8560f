"""Money in the database."""

from decimal import Decimal
from typing import Final

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

SMALLEST: Final = Decimal("0.000001")
"""The smallest amount that is kept: a millionth of a dollar."""


class Money(TypeDecorator[Decimal]):
    """US dollars as an exact decimal, kept as whole millionths: SQLite knows no decimals, and sums must be exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Dollars to millionths; raises `ValueError` for an amount that is finer."""
        if value is None:
            return None
        millionths = value / SMALLEST
        if millionths != millionths.to_integral_value():
            raise ValueError(f"{value} is finer than {SMALLEST}")
        return int(millionths)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Millionths to dollars. PostgreSQL's sums of integers come as decimals."""
        return None if value is None else Decimal(int(value)) * SMALLEST
