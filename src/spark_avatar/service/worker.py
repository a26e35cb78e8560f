"""What a worker takes up: tasks, and segments of long recordings that other workers hold."""

from dataclasses import dataclass

from spark_avatar.service.runner import TaskRunner
from spark_avatar.service.segment_runner import SegmentRunner
from spark_avatar.tasks.segments import Segment
from spark_avatar.tasks.task import Task, TaskId


@dataclass(frozen=True)
class Work:
    """One thing that a worker has claimed."""

    claimed: Task | Segment

    @property
    def task_id(self) -> TaskId:
        """The task that it is, or is a part of."""
        return self.claimed.task_id if isinstance(self.claimed, Segment) else self.claimed.id

    @property
    def is_part(self) -> bool:
        """Whether it is a segment of a task that another worker holds."""
        return isinstance(self.claimed, Segment)

    @property
    def engine(self) -> str:
        """Which workers can take it."""
        return self.claimed.engine

    @property
    def log_facts(self) -> dict[str, str]:
        """What every line that is logged about it carries."""
        claimed = self.claimed
        if isinstance(claimed, Segment):
            return {"task_id": claimed.task_id, "segment": str(claimed.number)}
        return {"task_id": claimed.id, "request_id": claimed.request_id}


@dataclass(frozen=True)
class Worker:
    """Claims work and does it, one thing at a time."""

    tasks: TaskRunner
    segments: SegmentRunner | None = None
    """None where long recordings are not split."""

    def claim(self) -> Work | None:
        """What comes next; nothing while the disk is full. Accounts take turns with both kinds; of one account, segments come
        first, as their task came first. A worker that finds no task helps whichever account there is.
        """
        if self.tasks.room is not None and self.tasks.room.is_short:
            return None
        if self.segments is None:
            claimed: Task | Segment | None = self.tasks.claim()
        else:
            claimed = self.segments.claim(in_turn=True) or self.tasks.claim() or self.segments.claim(in_turn=False)
        return None if claimed is None else Work(claimed)

    def run(self, work: Work) -> None:
        """Brings it to an end, or hands it back."""
        if isinstance(work.claimed, Segment):
            assert self.segments is not None
            self.segments.run(work.claimed)
        else:
            self.tasks.run(work.claimed)
