"""Segments: parts of one long recording's video, which several workers render at the same time.

The worker that holds the task plans its motion once, stores the plan, cuts it into segments and renders some of them; other
workers take the rest. When all are done it puts them together, and the task ends as any other does. So a task with segments is
running in one worker's claim as long as it runs, and everything that is true of tasks is true of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from spark_avatar.tasks.task import AccountId, Claim, Task, TaskFailure, TaskId


class SegmentStatus(StrEnum):
    """Where a segment stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Segment:
    """The frames [first_frame, end_frame) of a task's video."""

    task_id: TaskId
    number: int
    """0, 1, ... in the order of the video."""
    account_id: AccountId
    engine: str
    plan_attempt: int
    """The attempt of the task whose plan it is a part of."""
    first_frame: int
    end_frame: int
    created_at: datetime
    status: SegmentStatus = SegmentStatus.QUEUED
    attempts: int = 0
    claim: Claim | None = None
    progress: float = 0.0
    """0..1, of this attempt."""
    compute_units: int = 0
    failure: TaskFailure | None = None

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.end_frame - self.first_frame


def done_share(segments: Sequence[Segment]) -> float:
    """How much of all their frames is rendered, 0..1."""
    total = sum(segment.frames for segment in segments)
    return sum(segment.frames * segment.progress for segment in segments) / total if total else 0.0


class SegmentStore(Protocol):
    """Keeps segments. Every method is one transaction. A change that names a claim does nothing and returns False when the claim
    is no longer the segment's, or when its task has ended.
    """

    def plan(self, task: Task, segments: Sequence[Segment]) -> list[Segment]:
        """Stores a task's segments; those that it has already stay, and are returned instead. Nothing is stored, and none are
        returned, when the task is no longer the worker's of `task.claim`.
        """
        ...

    def of_task(self, task_id: TaskId) -> list[Segment]:
        """A task's segments, in order."""
        ...

    def claim_next(
        self,
        worker: str,
        *,
        now: datetime,
        lease_until: datetime,
        in_turn: bool,
        most_running: int | None = None,
        engines: Collection[str] | None = None,
    ) -> Segment | None:
        """Gives a queued segment to a worker: running, attempts + 1. Accounts take turns with their segments and tasks
        together: with `in_turn` only if it is the account's turn, and None if a task of another account comes first. An account
        that keeps `most_running` workers busy is passed over. `engines`: only segments of these.
        """
        ...

    def claim_of(self, task_id: TaskId, worker: str, *, lease_until: datetime) -> Segment | None:
        """Gives the first queued segment of this task to the worker that holds the task."""
        ...

    def renew(self, segment: Segment, *, lease_until: datetime) -> bool:
        """Keeps the claim alive."""
        ...

    def report(self, segment: Segment, *, progress: float) -> bool:
        """Records progress."""
        ...

    def complete(self, segment: Segment, *, compute_units: int) -> bool:
        """The segment's file is stored."""
        ...

    def fail(self, segment: Segment, failure: TaskFailure) -> bool:
        """The segment cannot be rendered; its task is to fail for the same reason."""
        ...

    def hand_back(self, segment: Segment, *, count_attempt: bool) -> bool:
        """Queues the segment again."""
        ...

    def running(self) -> list[Segment]:
        """All segments that some worker has claimed."""
        ...

    def ended(self) -> list[tuple[AccountId, TaskId]]:
        """Tasks that have segments although they have ended, or are no more."""
        ...

    def remove(self, task_id: TaskId) -> None:
        """Forgets a task's segments."""
