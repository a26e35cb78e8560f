"""Takes up what the dead left behind; shared by servers and workers of a queue."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from spark_avatar.dispatch.in_process import WorkerEnd
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.dispatch.roster import Roster, WorkerRecord
from spark_avatar.service.recovery import Recovery

KILL_SLACK_SECONDS = 60.0
"""A worker that has not ended its task so long after the time limit hangs, and is killed."""
_FORGET_SECONDS = 3600.0
"""The roster shows a silent worker for so long."""


@dataclass(frozen=True)
class Housekeeping:
    """Of one process that has a presence of its own."""

    presence: ServerPresence
    recovery: Recovery
    roster: Roster
    scratch_root: Path
    task_seconds: float

    @property
    def scratch(self) -> Path:
        """The folder of this run for uploads under way."""
        return self.scratch_root / self.presence.server_id

    def take_up(self) -> None:
        """Hands back what dead processes and silent workers hold, and removes their files."""
        self.bury_dead()
        self.recovery.sweep(overdue={record.name for record in self.roster.all() if self._was_overdue(record)})
        self.roster.forget_silent(_FORGET_SECONDS)

    def bury_dead(self) -> int:
        """Hands back what processes with this data folder held that are dead; returns how many there were."""
        return self.presence.bury_dead(self._bury)

    def worker_ended(self, worker: str, end: WorkerEnd) -> None:
        """Hands back what a worker process of this server held."""
        self.recovery.worker_ended(worker, overdue=end is WorkerEnd.OVERDUE, counted=end is not WorkerEnd.STOPPED)
        self.roster.leave(worker)

    def _bury(self, server_id: str) -> None:
        workers = [record for record in self.roster.all() if record.name.startswith(f"{server_id}/")]
        for record in workers:
            if self._was_overdue(record):
                self.recovery.worker_ended(record.name, overdue=True)
        self.recovery.server_ended(server_id)
        for record in workers:
            self.roster.leave(record.name)
        shutil.rmtree(self.scratch_root / server_id, ignore_errors=True)

    def _was_overdue(self, record: WorkerRecord) -> bool:
        """Whether it was still at its task when it was last heard of, although the time was over."""
        return record.busy_seconds - record.seen_ago > self.task_seconds
