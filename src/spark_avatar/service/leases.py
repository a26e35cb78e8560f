"""Which leases have lapsed, told without comparing the clocks of two machines.

A lease that its holder keeps alive changes; one that has not changed for its whole length, by the watcher's own monotonic
clock, has lapsed. What the holder wrote into it does not matter: its clock may be wrong by hours, and either clock may jump.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from spark_avatar.tasks.task import Claim, TaskId


@dataclass(frozen=True)
class _Sighting:
    lease_until: datetime
    since: float


class LeaseWatch:
    """Remembers the leases that it has seen. Used by one thread."""

    def __init__(self, lease_seconds: float = 15.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._sightings: dict[tuple[TaskId, str, int], _Sighting] = {}
        self._looked_at = float("-inf")

    def lapsed(self, claims: Iterable[tuple[TaskId, Claim]]) -> list[tuple[TaskId, Claim]]:
        """To be asked with all claims there are, several times in the length of a lease; returns those that have lapsed.

        After a longer silence, as when the database was away, every holder has a whole lease to show that it is alive.
        """
        now = self._monotonic()
        known = self._sightings if now - self._looked_at <= self._lease_seconds / 2 else {}
        self._looked_at, self._sightings = now, {}
        lapsed = []
        for task_id, claim in claims:
            key = (task_id, claim.worker, claim.attempt)
            before = known.get(key)
            unchanged = before is not None and before.lease_until == claim.lease_until
            sighting = before if before is not None and unchanged else _Sighting(claim.lease_until, now)
            self._sightings[key] = sighting
            if now - sighting.since >= self._lease_seconds:
                lapsed.append((task_id, claim))
        return lapsed
