"""Renders one segment of a long recording's video, for a task that this or another worker holds."""

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from spark_avatar.engines.engine import RenderMonitor, SilentMonitor
from spark_avatar.errors import ConfigurationError, GenerationError, SparkAvatarError
from spark_avatar.pipeline import Pipeline
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.monitor import ClaimLost, HandedBack, Heartbeat, TaskMonitor
from spark_avatar.service.room import TOO_LARGE, WorkRoom, is_disk_full
from spark_avatar.service.segment_files import SegmentFiles, part_key
from spark_avatar.service.workdirs import segment_workdir_name
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.segments import Segment, SegmentStore
from spark_avatar.tasks.store import StoreAway, TaskStore
from spark_avatar.tasks.task import Claim, Task, TaskFailure, TaskId

_UNEXPECTED = "A part of the video could not be generated because of an internal error. Try again."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentRunner:
    """Runs segments, one at a time."""

    tasks: TaskStore
    segments: SegmentStore
    storage: Storage
    pipeline: Pipeline
    work_dir: Path
    worker: str
    """The name that claims are made in."""
    must_stop: Callable[[], bool]
    """Whether the running segment has to be handed back now."""
    lease_seconds: float = 15.0
    task_seconds: float = 1800.0
    most_running: int | None = None
    engines: Collection[str] | None = None
    room: WorkRoom | None = None
    clock: Clock = utc_now

    @property
    def files(self) -> SegmentFiles:
        """The files of segments."""
        return SegmentFiles(self.storage)

    def claim(self, *, in_turn: bool) -> Segment | None:
        """The next segment for this worker, if any waits; with `in_turn` only if no task of another account comes first."""
        now = self.clock()
        return self.segments.claim_next(
            self.worker,
            now=now,
            lease_until=now + timedelta(seconds=self.lease_seconds),
            in_turn=in_turn,
            most_running=self.most_running,
            engines=self.engines,
        )

    def claim_of(self, task: Task) -> Segment | None:
        """The next segment of a task that this worker holds."""
        return self.segments.claim_of(task.id, self.worker, lease_until=self.clock() + timedelta(seconds=self.lease_seconds))

    def run(self, segment: Segment, watch: RenderMonitor | None = None) -> None:
        """Brings a segment that was claimed to an end, or hands it back. `watch` is told of progress too, and may end it: what it
        raises, apart from a time limit, is raised once the segment has been handed back.
        """
        claim, watching = segment.claim, watch or SilentMonitor()
        if claim is None:
            raise ValueError("the segment is not claimed")
        facts = {"task_id": segment.task_id, "segment": segment.number, "attempt": claim.attempt, "worker": claim.worker}
        keeper = _Keeper(self.segments, segment)
        try:
            task = self.tasks.get(segment.task_id)
            with Heartbeat(keeper, task, claim, lease_seconds=self.lease_seconds, clock=self.clock) as heartbeat:
                monitor = TaskMonitor(
                    keeper,
                    task,
                    claim,
                    heartbeat,
                    seconds=self.task_seconds,
                    must_stop=self.must_stop,
                    look_again=lambda: False,
                    start=0.0,
                    end=1.0,
                )
                units = self._produce(task, segment, _Both(monitor, watching))
            if not self.segments.complete(segment, compute_units=units):
                raise ClaimLost
            _log.info("segment rendered", extra=facts)
        except (ClaimLost, HandedBack):
            # Whether the segment or its whole task was taken away: another worker begins it anew, if it is still wanted. The file
            # goes first: the next attempt may have the same number.
            self.storage.delete(part_key(segment))
            self.segments.hand_back(segment, count_attempt=False)
            _log.info("segment given up", extra=facts)
            watching.checkpoint()
        except StoreAway:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine does, the task ends with a reason
            self._end_badly(segment, error, facts)

    def _end_badly(self, segment: Segment, error: Exception, facts: Mapping[str, object]) -> None:
        if self.room is not None and self.room.caused(error):
            self.storage.delete(part_key(segment))
            self.segments.hand_back(segment, count_attempt=False)
            _log.error("segment handed back: the disk is full", extra=dict(facts))
        elif is_disk_full(error):
            _log.error("segment failed: it needs more disk space than there is", extra=dict(facts))
            self._fail(segment, TaskFailure(GenerationError.code, TOO_LARGE))
        elif isinstance(error, SparkAvatarError) and not isinstance(error, ConfigurationError):
            self._fail(segment, TaskFailure(error.code, error.message))
        else:
            _log.error("a segment failed unexpectedly", extra=dict(facts), exc_info=error)
            self._fail(segment, TaskFailure(GenerationError.code, _UNEXPECTED))

    def _produce(self, task: Task, segment: Segment, monitor: RenderMonitor) -> int:
        """The part, in storage; returns what it cost."""
        monitor.checkpoint()
        with self._workdir(segment) as folder:
            plan, origin = self.files.plan(segment, folder)
            rendition = self.pipeline.render_part(
                self.files.fetch_image(segment, folder / "image"),
                plan,
                (segment.first_frame, segment.end_frame),
                engine=segment.engine,
                options=task.request.options,
                seed=task.seed or 0,  # all that chance decides stands in the plan
                monitor=monitor,
                workdir=folder,
                origin=origin,
            )
            monitor.checkpoint()
            self.storage.put(part_key(segment), rendition.path)
        return rendition.compute_units

    def _fail(self, segment: Segment, failure: TaskFailure) -> None:
        if self.segments.fail(segment, failure):
            _log.error("segment failed", extra={"task_id": segment.task_id, "segment": segment.number, "code": failure.code})
        self.storage.delete(part_key(segment))

    @contextmanager
    def _workdir(self, segment: Segment) -> Iterator[Path]:
        folder = self.work_dir / segment_workdir_name(segment)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Keeper:
    """Keeps a segment's claim, for a heartbeat and a monitor that know tasks."""

    segments: SegmentStore
    segment: Segment

    def renew(self, task_id: TaskId, claim: Claim, *, lease_until: datetime) -> bool:  # noqa: ARG002 - they are the segment's
        return self.segments.renew(self.segment, lease_until=lease_until)

    def report(self, task_id: TaskId, claim: Claim, *, progress: float, stage: str) -> bool:  # noqa: ARG002
        return self.segments.report(self.segment, progress=progress)


@dataclass(frozen=True)
class _Both:
    """Two watch."""

    first: RenderMonitor
    second: RenderMonitor

    def progress(self, fraction: float, stage: str) -> None:
        self.first.progress(fraction, stage)
        self.second.progress(fraction, stage)

    def checkpoint(self) -> None:
        self.first.checkpoint()
        self.second.checkpoint()
