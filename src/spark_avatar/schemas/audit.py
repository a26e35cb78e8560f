"""The audit log on the wire."""

from pydantic import BaseModel, ConfigDict

from spark_avatar.errors import Fact

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class AuditView(BaseModel):
    """One event."""

    model_config = _WIRE

    id: str
    created_at: float
    """Unix seconds."""
    actor: str
    """`user:ID`, `key:ID`, `command line` or `anonymous`."""
    action: str
    subject: str | None
    """What it was done to, e.g. `key:ID`."""
    address: str | None
    request_id: str | None
    details: dict[str, Fact]


class AuditPage(BaseModel):
    """A part of the log, the newest first."""

    model_config = _WIRE

    events: tuple[AuditView, ...]
    has_more: bool
    next: str | None
    """The `after` of the next call."""
