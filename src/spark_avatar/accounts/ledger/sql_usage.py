"""Sums of usage in a SQL database."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Engine, func, null, select, type_coerce

from spark_avatar.accounts.ledger.usage import UsageGroup, UsageSum
from spark_avatar.database.engine import reading
from spark_avatar.database.money import Money
from spark_avatar.database.schema import api_keys, usage_records
from spark_avatar.schemas.identity import AccountId

_DAY: Final = 24 * 3600 * 1_000_000
_EPOCH: Final = date(1970, 1, 1)

_record = usage_records.c
_COLUMNS: Final[dict[UsageGroup, Any]] = {
    UsageGroup.DAY: (type_coerce(_record.ended_at, BigInteger) // _DAY).label("day"),
    UsageGroup.KEY: _record.key_id.label("key_id"),
    UsageGroup.MODEL: _record.model.label("model"),
}
_SUMS: Final = (
    func.count().label("tasks"),
    func.sum(_record.seconds).label("seconds"),
    func.sum(_record.compute_units).label("compute_units"),
    type_coerce(func.sum(_record.cost), Money()).label("cost"),
)


class SqlUsageStore:
    """A `UsageStore` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def usage(self, account_id: AccountId, *, first: date, last: date, groups: Collection[UsageGroup]) -> list[UsageSum]:
        """The sums of the days from `first` to `last`, both included, in UTC, ordered by what they are made for; without any
        group one sum of all, where there is something.
        """
        chosen = [column for group, column in _COLUMNS.items() if group in groups]
        missing = [null().label(column.name) for group, column in _COLUMNS.items() if group not in groups]
        sums = (
            select(*chosen, *missing, *_SUMS)
            .where(
                _record.account_id == account_id,
                _record.ended_at >= _midnight(first),
                _record.ended_at < _midnight(last) + timedelta(days=1),
            )
            .group_by(*chosen)
            .having(func.count() > 0)
            .order_by(*chosen)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(sums).all()
            ids = {row.key_id for row in rows if row.key_id is not None}
            named = connection.execute(select(api_keys.c.id, api_keys.c.name).where(api_keys.c.id.in_(ids)))
            names: dict[str, str] = {row.id: row.name for row in named}
        return [
            UsageSum(
                day=None if row.day is None else _EPOCH + timedelta(days=int(row.day)),
                key_id=row.key_id,
                key_name=names.get(row.key_id),
                model=row.model,
                tasks=row.tasks,
                seconds=float(row.seconds),
                compute_units=int(row.compute_units),
                cost=row.cost,
            )
            for row in rows
        ]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
