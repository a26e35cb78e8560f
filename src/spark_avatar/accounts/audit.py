"""The audit log: what happened that matters to security. It holds neither media nor secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from spark_avatar.errors import Fact

ANONYMOUS = "anonymous"
COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where."""

    name: str = ANONYMOUS
    """`user:ID`, `key:ID`, `command line`, `webhook delivery` or `anonymous`."""
    address: str | None = None
    request_id: str | None = None


OPERATOR = Actor(COMMAND_LINE)
"""Whoever can run commands on the server."""


@dataclass(frozen=True)
class AuditEvent:
    """One event."""

    id: str
    created_at: datetime
    account_id: str | None
    """None where no account is known."""
    actor: str
    action: str
    """What was done, e.g. `key.created`."""
    subject: str | None
    """What it was done to, e.g. `key:ID`."""
    address: str | None
    request_id: str | None
    details: Mapping[str, Fact] = field(default_factory=dict)


class AuditLog(Protocol):
    """Keeps events. Nothing changes one; only their age removes them."""

    def record(
        self,
        action: str,
        *,
        actor: Actor,
        account: str | None = None,
        subject: str | None = None,
        details: Mapping[str, Fact] | None = None,
    ) -> None:
        """Adds an event."""
        ...

    def page(self, account: str | None, *, limit: int, before: tuple[datetime, str] | None = None) -> list[AuditEvent]:
        """At most `limit` events, of the account or of all, the newest first; only those that come after the event of this
        time and id.
        """
        ...

    def forget(self, older_than: datetime) -> int:
        """Removes old events; returns how many."""
        ...
