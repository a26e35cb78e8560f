"""Notes in the audit log that a key is still used after its end."""

import threading
import time
from typing import Final

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.accounts.keys import ApiKey

_GRAIN_SECONDS: Final = 3600.0
"""A program that goes on with its old key makes one event in this time, not one for each request."""


class RefusedKeys:
    """A listener for a key store. Keys that never were are not noted: anybody could fill the log with them."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._noted: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, key: ApiKey, reason: str, address: str) -> None:
        """Records the refusal of this key, unless one was recorded lately."""
        now = time.monotonic()
        with self._lock:
            if self._noted.get(key.id, float("-inf")) > now - _GRAIN_SECONDS:
                return
            self._noted = {name: moment for name, moment in self._noted.items() if moment > now - _GRAIN_SECONDS}
            self._noted[key.id] = now
        self._audit.record(
            "key.refused",
            actor=Actor(address=address or None),
            account=key.account_id,
            subject=f"key:{key.id}",
            details={"reason": reason},
        )
