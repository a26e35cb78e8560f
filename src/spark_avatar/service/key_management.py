"""A workspace's API keys, as its admins manage them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import limits

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.accounts.bearer_secrets import KEY_MARK, is_secret, prefix_of
from spark_avatar.accounts.keys import ApiKey, KeyStore, KeyTerms
from spark_avatar.accounts.users import checked_name
from spark_avatar.errors import Conflict, Fact, InvalidOptions, NotFound
from spark_avatar.service.clock import Clock, utc_now

LONGEST_GRACE: Final = timedelta(days=30)
_FINEST_BUDGET: Final = Decimal("0.000001")
_LARGEST_BUDGET: Final = Decimal(1_000_000_000)
_LONGEST_WINDOW: Final = 366 * 24 * 3600
"""Seconds. Redis fails for far longer ones, and a store that fails limits nobody for a while, whoever's rule it was."""


@dataclass(frozen=True)
class KeyService:
    """Create, change, rotate and revoke keys; every change is in the audit log. `account` is the workspace."""

    keys: KeyStore
    audit: AuditLog
    knows_model: Callable[[str], bool] = lambda _model: True
    clock: Clock = utc_now

    def create(self, account: str, name: str, terms: KeyTerms, actor: Actor) -> tuple[ApiKey, str]:
        """A new key and its secret, shown this once. Raises `InvalidOptions` for a name or terms that cannot be."""
        self._check(terms)
        key, secret = self.keys.create(checked_name(name), account=account, terms=terms, created_by=actor.name)
        self._note("key.created", key, actor, {"name": key.name, "scopes": [scope.value for scope in sorted(terms.scopes)]})
        return key, secret

    def get(self, account: str, key_id: str) -> ApiKey:
        """Raises `NotFound`."""
        return self.keys.get(key_id, account)

    def spent(self, account: str) -> dict[str, Decimal]:
        """What the keys have spent this month (UTC), in US dollars; by key id."""
        return self.keys.spent(account, f"{self.clock():%Y-%m}")

    def change(self, account: str, key_id: str, changes: dict[str, object], actor: Actor) -> ApiKey:
        """Sets `name` or terms by their names; raises `NotFound` and `InvalidOptions`."""

        def changed(key: ApiKey) -> ApiKey:
            name = checked_name(str(changes["name"])) if "name" in changes else key.name
            terms = replace(key.terms, **{word: value for word, value in changes.items() if word != "name"})  # type: ignore[arg-type]
            self._check(replace(terms, expires_at=None) if terms.expires_at == key.terms.expires_at else terms)
            return replace(key, name=name, terms=terms)

        key = self.keys.change(key_id, account, changed)
        self._note("key.changed", key, actor, {"changed": sorted(changes)})
        return key

    def rotate(self, account: str, key_id: str, grace: timedelta, actor: Actor) -> tuple[ApiKey, str]:
        """A key on the same terms, and its secret; the old one ends when the grace is over. Raises `NotFound`,
        `InvalidOptions`.
        """
        if not timedelta(0) <= grace <= LONGEST_GRACE:
            raise InvalidOptions(f"`grace_seconds` must be 0 to {int(LONGEST_GRACE.total_seconds())}.")
        key, secret = self.keys.rotate(key_id, account, grace=grace, created_by=actor.name)
        self._note("key.rotated", key, actor, {"replaces": key_id, "grace_seconds": grace.total_seconds()})
        return key, secret

    def revoke(self, account: str, key_id: str, actor: Actor) -> ApiKey:
        """Ends a key at once; one that has been revoked stays so. Raises `NotFound`."""
        was_live = self.keys.end(key_id, account)
        key = self.keys.get(key_id, account)
        if was_live:
            self._note("key.revoked", key, actor)
        return key

    def find_one(self, word: str) -> ApiKey:
        """The one live key, of any workspace, with this id, prefix, name or secret; for whoever runs the server. Raises
        `NotFound`, and `Conflict` where there are several.
        """
        word, now = _known_by(word), self.clock()
        found = [key for key in self.keys.list() if word in (key.id, key.prefix, key.name) and key.is_live(now)]
        if not found:
            raise _no_key(word)
        if len(found) > 1:
            raise Conflict(f"There are {len(found)} keys {word}: name one by its id.")
        return found[0]

    def revoke_all(self, word: str, actor: Actor) -> list[ApiKey]:
        """Ends every live key, of any workspace, with this id, prefix, name or secret; for whoever runs the server. Raises
        `NotFound` where there is none.
        """
        word = _known_by(word)
        ended = self.keys.revoke(word)
        if not ended:
            raise _no_key(word)
        for key in ended:
            self._note("key.revoked", key, actor)
        return ended

    def list(self, account: str) -> list[ApiKey]:
        """The workspace's keys, oldest first, revoked ones too."""
        return self.keys.list(account)

    def _check(self, terms: KeyTerms) -> None:
        if not terms.scopes:
            raise InvalidOptions("`scopes` must name at least one: generate, read, admin.")
        if terms.expires_at is not None and terms.expires_at <= self.clock():
            raise InvalidOptions("`expires_at` must lie in the future.")
        if terms.models is not None:
            unknown = sorted(model for model in terms.models if not self.knows_model(model))
            if unknown or not terms.models:
                raise InvalidOptions(f"`models` must name models that there are, or be left out; unknown: {', '.join(unknown)}.")
        if terms.rate_limit is not None:
            check_rate(terms.rate_limit)
        if terms.monthly_budget is not None:
            check_budget(terms.monthly_budget)

    def _note(self, action: str, key: ApiKey, actor: Actor, details: dict[str, Fact] | None = None) -> None:
        self.audit.record(action, actor=actor, account=key.account_id, subject=f"key:{key.id}", details=details)


def _known_by(word: str) -> str:
    """The id, prefix or name in what the user gave: a whole key is found by its prefix, which loses the dots that lists print
    behind it.
    """
    word = word.strip()
    if is_secret(word, KEY_MARK):
        return prefix_of(word)
    return word.removesuffix("...").removesuffix("…") if word.startswith(KEY_MARK) else word


def _no_key(word: str) -> NotFound:
    """What begins as a key does is not repeated: it may be most of a secret."""
    return NotFound(f"There is no live API key {'that begins so' if word.startswith(KEY_MARK) else word}.")


def check_rate(rule: str) -> None:
    """Raises `InvalidOptions` for what is no rate limit."""
    try:
        rules = limits.parse_many(rule)
    except ValueError:
        rules = []
    if [each.amount > 0 and each.get_expiry() <= _LONGEST_WINDOW for each in rules] != [True]:
        raise InvalidOptions(
            f"`rate_limit` must be one count and a time of a year at most, such as 100/minute, but it is {rule!r}."
        )


def check_budget(budget: Decimal) -> None:
    """Raises `InvalidOptions` for what is no amount of money."""
    fits = budget.is_finite() and 0 <= budget <= _LARGEST_BUDGET and budget == budget.quantize(_FINEST_BUDGET)
    if not fits:
        raise InvalidOptions("`monthly_budget` must be an amount of US dollars with at most six decimals.")
