"""How many requests a key and an address may make: windows of fixed length, counted in memory or in Redis.

In memory each server process counts for itself; several processes that are to share their counts need Redis.
"""

import ipaddress
import logging
import math
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import limits
from limits.storage import RedisStorage, Storage

from spark_avatar.errors import ConfigurationError, LibraryMissing, RateLimited, SparkAvatarError

_ANY_RULE: Final = "1/second"
"""Never counted: the keys bring their own."""
_LIMIT_FACT: Final = "limit"
_RESET_FACT: Final = "reset_seconds"
_TIMEOUTS: Final = "socket_timeout=0.5&socket_connect_timeout=0.5"
_TIDY_SECONDS: Final = 60.0
_AWAY_SECONDS: Final = 5.0
"""How long a store that failed is not asked."""
_IPV6_NETWORK_BITS: Final = 64

_log = logging.getLogger(__name__)


class WindowCounts(Storage):
    """Counts in memory. The library's own memory starts a thread for nearly every request to tidy up, which cost a quarter
    of the server's processor time at 200 requests a second; this one tidies up once a minute.
    """

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, tuple[int, float]] = {}
        self._tidy_at = 0.0
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing can fail here."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Counts, in a new window where the last one is over; returns the count."""
        now = time.time()
        with self._lock:
            if now >= self._tidy_at:
                self._windows = {name: window for name, window in self._windows.items() if window[1] > now}
                self._tidy_at = now + _TIDY_SECONDS
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
            self._windows[key] = (count + amount, end)
            return count + amount

    def get(self, key: str) -> int:
        """The count of the present window."""
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends, as a Unix time."""
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Always there."""
        return True

    def reset(self) -> int | None:
        """Forgets all counts; returns how many there were."""
        with self._lock:
            forgotten = len(self._windows)
            self._windows = {}
        return forgotten

    def clear(self, key: str) -> None:
        """Forgets one count."""
        with self._lock:
            self._windows.pop(key, None)


@dataclass(frozen=True)
class Standing:
    """How a caller stands in the present window."""

    limit: int
    remaining: int
    reset_seconds: int
    """Until the window ends, rounded up."""

    @property
    def headers(self) -> dict[str, str]:
        """For the answer (IETF draft "RateLimit header fields for HTTP", version 06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class Rate:
    """One limit, counted for each name on its own. A store that does not answer limits nobody: requests go on."""

    def __init__(self, rule: str, purpose: str, *, store_url: str | None = None) -> None:
        """`rule` is a count and a time, such as `600/minute`. `store_url` is a Redis URL; by default memory. Raises
        `ConfigurationError`.
        """
        try:
            self._item = limits.parse(rule)
        except ValueError:
            raise ConfigurationError(f"{rule!r} is no rate limit: write a count and a time, such as 600/minute.") from None
        self._purpose = purpose
        self._store = _store(store_url)
        self._away_until = float("-inf")

    def spend(self, name: str, rule: str | None = None) -> tuple[bool, Standing | None]:
        """Counts one request of this name: whether it is within the limit, and how the name then stands, where known. `rule`
        is the name's own limit.
        """
        item = self._item if rule is None else _parsed(rule)
        if time.monotonic() < self._away_until:
            return True, None
        key = item.key_for(self._purpose, name)
        try:
            count = self._store.incr(key, item.get_expiry())
            end = self._store.get_expiry(key)
        except Exception:  # noqa: BLE001 - each store has its own exceptions, and none may stop the service
            _log.exception("rate limits cannot be counted; nobody is limited for a while")
            self._away_until = time.monotonic() + _AWAY_SECONDS
            return True, None
        seconds = max(1, math.ceil(end - time.time()))
        return count <= item.amount, Standing(item.amount, max(0, item.amount - count), seconds)


@dataclass(frozen=True)
class RateLimits:
    """The limits of the API; None leaves one out."""

    per_key: Rate | None = None
    per_address: Rate | None = None
    own: Rate = field(default_factory=lambda: Rate(_ANY_RULE, "own"))
    """Counts for keys with a limit of their own."""

    @classmethod
    def of(cls, *, per_key: str, per_address: str, store_url: str | None) -> "RateLimits":
        """From rules; an empty one stands for no limit. Raises `ConfigurationError`."""
        return cls(
            Rate(per_key, "key", store_url=store_url) if per_key else None,
            Rate(per_address, "address", store_url=store_url) if per_address else None,
            Rate(_ANY_RULE, "own", store_url=store_url),
        )

    def admit_address(self, address: str) -> Standing | None:
        """Counts a request from an IP address, before its key is looked at; raises `RateLimited`."""
        return _admit(self.per_address, network_of(address), "this address")

    def admit_key(self, key_id: str, rule: str | None = None) -> Standing | None:
        """Counts a request with a valid key, against its own limit where it has one; raises `RateLimited`."""
        return _admit(self.per_key if rule is None else self.own, key_id, "this API key", rule)

    def admit(self, name: str, who: str, rule: str) -> None:
        """Counts what has a rule of its own, such as guesses; raises `RateLimited`."""
        _admit(self.own, name, who, rule)


def refusal_headers(error: SparkAvatarError) -> dict[str, str]:
    """The headers of an answer that refuses a request for its rate; none for other errors."""
    limit, reset = error.facts.get(_LIMIT_FACT), error.facts.get(_RESET_FACT)
    if not isinstance(error, RateLimited) or not isinstance(reset, int):
        return {}
    if not isinstance(limit, int):
        return {"Retry-After": str(reset)}
    return {"Retry-After": str(reset), **Standing(limit, 0, reset).headers}


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Whom an address stands for: a host has an IPv4 address, but a whole IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a Unix socket has none
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
    return str(parsed)


def _admit(rate: Rate | None, name: str, who: str, rule: str | None = None) -> Standing | None:
    if rate is None:
        return None
    within, standing = rate.spend(name, rule)
    if not within and standing is not None:
        raise RateLimited(
            f"Too many requests from {who}: {standing.limit} are accepted; go on in {standing.reset_seconds} s.",
            facts={_LIMIT_FACT: standing.limit, _RESET_FACT: standing.reset_seconds},
        )
    return standing


def store_answers(url: str) -> bool:
    """Whether the Redis of this URL answers, asked once, within about half a second. Raises `ConfigurationError`."""
    return _store(url).check()


@lru_cache(maxsize=1024)
def _parsed(rule: str) -> limits.RateLimitItem:
    return limits.parse(rule)


def _store(url: str | None) -> Storage:
    if url is None:
        return WindowCounts()
    if not url.startswith(("redis://", "rediss://")):
        raise ConfigurationError("The store of rate limits must be Redis: `redis://host:6379/0` or `rediss://...`.")
    try:
        return RedisStorage(url + ("&" if "?" in url else "?") + _TIMEOUTS)
    except limits.errors.ConfigurationError as missing:
        raise LibraryMissing("Rate limits in Redis need its driver") from missing
