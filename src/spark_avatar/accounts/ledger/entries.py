"""The ledger: every movement of money, in double entry. Each entry's amounts add up to nothing.

recharge     funding   -> available     an operator or a payment adds money
correction   available -> funding       a recharge is taken back
hold         available -> held          a task is accepted
adjustment   available <-> held         its recording's length is known now
capture      held      -> revenue       the task is completed; what was held beyond the price goes back to `available`
release      held      -> available     the task failed, or was cancelled
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from spark_avatar.schemas.identity import AccountId, TaskId

FUNDING: Final = "funding"
"""Where recharges come from: what this book lacks was paid in."""
REVENUE: Final = "revenue"
"""What was earned."""


def available_book(account_id: AccountId) -> str:
    """What the account may spend; less than nothing when it owes."""
    return f"available:{account_id}"


def held_book(account_id: AccountId) -> str:
    """What is set aside for its tasks that have not ended."""
    return f"held:{account_id}"


class BillingMode(StrEnum):
    """Whether a balance can be spent."""

    POSTPAID = "postpaid"
    """Costs are recorded and nobody is refused for them."""
    PREPAID = "prepaid"
    """A task is accepted only if the balance and the credit limit cover what is held for it."""


class EntryKind(StrEnum):
    """Why money moved."""

    RECHARGE = "recharge"
    CORRECTION = "correction"
    HOLD = "hold"
    ADJUSTMENT = "adjustment"
    CAPTURE = "capture"
    RELEASE = "release"


@dataclass(frozen=True)
class Balance:
    """How an account stands. US dollars."""

    account_id: AccountId
    available: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    recharged: Decimal = Decimal(0)
    """All that was ever paid in."""
    credit_limit: Decimal = Decimal(0)
    """How far `available` may fall below nothing."""

    @property
    def balance(self) -> Decimal:
        """What is the account's: paid in and not yet charged."""
        return self.available + self.held

    @property
    def spendable(self) -> Decimal:
        """What further tasks may cost, credit included."""
        return self.available + self.credit_limit

    @property
    def arrears(self) -> Decimal:
        """What the account owes."""
        return max(Decimal(0), -self.balance)


@dataclass(frozen=True)
class LedgerEntry:
    """One movement, as the account sees it."""

    id: str
    kind: EntryKind
    created_at: datetime
    task_id: TaskId | None
    key_id: str | None
    note: str
    available: Decimal
    """By how much what may be spent changed."""
    held: Decimal
    """By how much what is set aside changed."""

    @property
    def amount(self) -> Decimal:
        """By how much the balance changed: nothing for holds and releases."""
        return self.available + self.held


@dataclass(frozen=True)
class EntryMark:
    """The last entry of a page: the next page begins with the one that is just older."""

    created_at: datetime
    entry_id: str


class Ledger(Protocol):
    """What accounts have, and how it came so."""

    def balance(self, account_id: AccountId) -> Balance:
        """How the account stands; all nothing for one that never had a balance."""
        ...

    def entries(self, account_id: AccountId, *, limit: int, after: EntryMark | None = None) -> list[LedgerEntry]:
        """The account's entries, newest first, from behind the mark on."""
        ...
