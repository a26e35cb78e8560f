"""Balance, ledger and usage as clients see them. Money is text: a plain decimal in US dollars, with four places."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class BalanceView(BaseModel):
    """How the account stands."""

    model_config = _WIRE

    user_id: str
    """The user; for an API key its account."""
    balance: str
    """Paid in and not yet charged; less than nothing when the account owes."""
    total_recharged: str
    currency: str
    billing_mode: Literal["prepaid", "postpaid"]
    credit_limit: str
    arrears: str
    """What the account owes."""
    held: str
    """The part of the balance that is set aside for tasks that have not ended."""
    available_balance: str
    """What further tasks may cost, credit included."""


class EntryView(BaseModel):
    """One movement of money."""

    model_config = _WIRE

    id: str
    kind: Literal["recharge", "correction", "hold", "adjustment", "capture", "release"]
    created_at: int
    """Unix seconds."""
    amount: str
    """By how much the balance changed."""
    held: str
    """By how much what is set aside changed."""
    available: str
    """By how much what may be spent changed."""
    task_id: str | None = None
    key_id: str | None = None
    note: str = ""


class EntryList(BaseModel):
    """A part of the ledger, newest first."""

    model_config = _WIRE

    entries: tuple[EntryView, ...]
    has_more: bool
    next: str | None = None
    """The `after` of the next call; absent on the last page."""


class UsageRow(BaseModel):
    """Completed tasks together. Members that the sums are not made for are absent."""

    model_config = _WIRE

    day: str | None = None
    """`2026-11-22`, in UTC."""
    key_id: str | None = None
    key_name: str | None = None
    model: str | None = None
    tasks: int
    seconds: float
    """Of finished video."""
    compute_units: int
    cost: str


class UsageReport(BaseModel):
    """What an account used."""

    model_config = _WIRE

    first_day: str
    last_day: str
    """Included."""
    currency: str
    group: tuple[str, ...]
    rows: tuple[UsageRow, ...]
    total: UsageRow
