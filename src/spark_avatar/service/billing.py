"""What owners ask about their money: how they stand, how it came so, what they used."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.ledger.entries import Balance, BillingMode, EntryMark, Ledger, LedgerEntry
from spark_avatar.accounts.ledger.usage import UsageGroup, UsageStore, UsageSum
from spark_avatar.errors import InvalidOptions
from spark_avatar.service.clock import Clock, utc_now

_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 366


@dataclass(frozen=True)
class EntryPage:
    """A part of the ledger."""

    entries: tuple[LedgerEntry, ...]
    next_mark: EntryMark | None
    """Where the next part begins; None where this is the last."""


@dataclass(frozen=True)
class Usage:
    """What an account used in a span of days."""

    first: date
    last: date
    """Included."""
    rows: tuple[UsageSum, ...]

    @property
    def total(self) -> UsageSum:
        """All rows together."""
        return UsageSum(
            day=None,
            key_id=None,
            key_name=None,
            model=None,
            tasks=sum(row.tasks for row in self.rows),
            seconds=sum(row.seconds for row in self.rows),
            compute_units=sum(row.compute_units for row in self.rows),
            cost=sum((row.cost for row in self.rows), Decimal(0)),
        )


@dataclass(frozen=True)
class BillingService:
    """Answers about the caller's own account; changes nothing."""

    ledger: Ledger
    records: UsageStore
    mode: BillingMode
    clock: Clock = utc_now

    def balance(self, *, caller: Caller) -> Balance:
        """How the account stands."""
        return self.ledger.balance(caller.account_id)

    def entries(self, *, caller: Caller, limit: int, after: EntryMark | None = None) -> EntryPage:
        """At most `limit` entries, newest first."""
        found = self.ledger.entries(caller.account_id, limit=limit + 1, after=after)
        shown = tuple(found[:limit])
        more = len(found) > limit
        return EntryPage(shown, EntryMark(shown[-1].created_at, shown[-1].id) if more else None)

    def usage(
        self, *, caller: Caller, groups: Collection[UsageGroup], first: date | None = None, last: date | None = None
    ) -> Usage:
        """Sums of the days from `first` to `last`, by default the last 30. Raises `InvalidOptions` for a span that ends before
        it begins, or is longer than a year.
        """
        until = last or self.clock().date()
        since = first or until - timedelta(days=_USUAL_DAYS - 1)
        days = (until - since).days + 1
        if not 0 < days <= _MOST_DAYS:
            raise InvalidOptions(f"From {since} to {until} are {days} days: ask for 1 to {_MOST_DAYS}.", facts={"days": days})
        return Usage(since, until, tuple(self.records.usage(caller.account_id, first=since, last=until, groups=groups)))
