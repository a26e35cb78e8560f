"""API keys on the wire. Times are Unix seconds, money is US dollars in text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")
_END_OF_TIME = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())

ScopeName = Literal["generate", "read", "admin"]
_USUAL: tuple[ScopeName, ...] = ("generate", "read")
_Scopes = Field(default=_USUAL, min_length=1, max_length=3)
_Expiry = Field(default=None, ge=0, le=_END_OF_TIME)
_Models = Field(default=None, min_length=1, max_length=100)
_Rate = Field(default=None, max_length=50)
_Budget = Field(default=None, max_length=20, pattern=r"^\d{1,10}(\.\d{1,6})?$")


class KeyBody(BaseModel):
    """The body of creating a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=100)
    scopes: tuple[ScopeName, ...] = _Scopes
    expires_at: int | None = _Expiry
    models: tuple[str, ...] | None = _Models
    """By default all."""
    rate_limit: str | None = _Rate
    """E.g. `100/minute`; by default the server's."""
    monthly_budget: str | None = _Budget
    """In a calendar month (UTC); by default none."""


class KeyChanges(BaseModel):
    """The body of changing a key: what is left out stays, null takes a limit away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", min_length=1, max_length=100)
    scopes: tuple[ScopeName, ...] = _Scopes
    expires_at: int | None = _Expiry
    models: tuple[str, ...] | None = _Models
    rate_limit: str | None = _Rate
    monthly_budget: str | None = _Budget


class Rotation(BaseModel):
    """The body of rotating a key."""

    model_config = _WIRE

    grace_seconds: int = Field(default=86_400, ge=0, le=30 * 86_400)
    """How long the old secret still works."""


class KeyView(BaseModel):
    """What is known of a key."""

    model_config = _WIRE

    id: str
    name: str
    prefix: str
    """The start of the secret."""
    state: Literal["active", "expired", "revoked"]
    scopes: tuple[ScopeName, ...]
    created_at: int
    created_by: str | None
    expires_at: int | None
    revoked_at: int | None
    rotated_to: str | None
    """Id of the key that took its place."""
    models: tuple[str, ...] | None
    rate_limit: str | None
    monthly_budget: str | None
    spent_this_month: str
    last_used_at: int | None
    """To the minute."""
    last_used_address: str | None


class KeyMade(KeyView):
    """A new key, with its secret: this once."""

    secret: str


class KeyList(BaseModel):
    """The workspace's keys, the oldest first."""

    model_config = _WIRE

    keys: tuple[KeyView, ...]


def decimal_of(text: str | None) -> Decimal | None:
    """An amount as it came."""
    return None if text is None else Decimal(text)
