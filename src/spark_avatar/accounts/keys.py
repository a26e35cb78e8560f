"""API keys: what a caller shows, what it may do, and where keys are kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from spark_avatar.accounts.roles import USUAL_SCOPES, Role, Scope
from spark_avatar.schemas.identity import AccountId


@dataclass(frozen=True)
class Caller:
    """Who makes a request: the account, and what proved it: an API key, a session or a token."""

    account_id: AccountId
    key_id: str
    """The key's id; `session:USER` or the like for a user. Tasks, usage and budgets name it."""
    key_name: str
    scopes: frozenset[Scope] = USUAL_SCOPES
    models: frozenset[str] | None = None
    """The models that may be used; None for all."""
    rate_limit: str | None = None
    """The key's own, e.g. `100/minute`; None for the server's."""
    user_id: str | None = None
    """None for an API key."""
    role: Role | None = None
    operator: bool = False
    """Whether this user runs the server."""
    session_id: str | None = None

    @property
    def actor(self) -> str:
        """The caller as the audit log names it."""
        return f"key:{self.key_id}" if self.user_id is None else f"user:{self.user_id}"

    def may_use(self, model: str) -> bool:
        """Whether this model is among those allowed."""
        return self.models is None or model in self.models


@dataclass(frozen=True)
class KeyTerms:
    """What a key may do, and for how long."""

    scopes: frozenset[Scope] = USUAL_SCOPES
    expires_at: datetime | None = None
    models: frozenset[str] | None = None
    """Model ids; None for all."""
    rate_limit: str | None = None
    """E.g. `100/minute`; None for the server's."""
    monthly_budget: Decimal | None = None
    """US dollars in a calendar month (UTC); None for no budget."""


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; its secret is not. Times are in UTC."""

    id: str
    name: str
    prefix: str
    """The start of the secret, for recognising it."""
    account_id: AccountId
    created_at: datetime
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None
    last_used_address: str | None = None
    created_by: str | None = None
    """Who made it, as the audit log names actors."""
    rotated_to: str | None = None
    """Id of the key that took its place."""
    terms: KeyTerms = field(default_factory=KeyTerms)

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.terms.expires_at is None or now < self.terms.expires_at)


class KeyStore(Protocol):
    """Keeps API keys."""

    def create(
        self, name: str, *, account: str = "default", terms: KeyTerms | None = None, created_by: str | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once and kept nowhere. Makes the account where there is none.
        Raises `InvalidOptions` for an empty name, or an account that is not 1-64 letters, digits, `.`, `_` or `-`.
        """
        ...

    def authenticate(self, secret: str, address: str = "") -> Caller:
        """Whose secret this is, used from this address; raises `NotAuthenticated` when it is unknown, revoked or expired."""
        ...

    def get(self, key_id: str, account: str) -> ApiKey:
        """The account's key; raises `NotFound`."""
        ...

    def change(self, key_id: str, account: str, changed: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Gives a live key the name and the terms that `changed` makes of it, while nobody else ends or changes it. Raises
        `NotFound`, also for one that has been revoked, and whatever `changed` raises.
        """
        ...

    def rotate(self, key_id: str, account: str, *, grace: timedelta, created_by: str | None = None) -> tuple[ApiKey, str]:
        """A new key on the terms of this one, which ends when the grace is over. Raises `NotFound` for a key that is not
        live, or was rotated before.
        """
        ...

    def end(self, key_id: str, account: str) -> bool:
        """Ends the account's key of this id at once; whether it was live."""
        ...

    def revoke(self, id_or_prefix_or_name: str) -> list[ApiKey]:
        """Ends every live key that has this id, prefix or name, at once; returns those ended. Empty when there is none."""
        ...

    def list(self, account: str | None = None) -> list[ApiKey]:
        """The account's keys, or all, oldest first, revoked ones too."""
        ...

    def spent(self, account: str, month: str) -> dict[str, Decimal]:
        """What counts against the budget of each of the account's keys in a month (`2026-11`, UTC), in US dollars, by key id:
        what it has spent, and those that share its budget.
        """
        ...
