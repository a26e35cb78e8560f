"""Long recordings, rendered by several workers: the side of the worker that holds the task."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from spark_avatar.engines.engine import RenderMonitor, Rendition
from spark_avatar.errors import GenerationError
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.join import PartsDiffer
from spark_avatar.provenance.provenance import Origin
from spark_avatar.service.cuts import cut
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.service.monitor import ClaimLost
from spark_avatar.service.segment_cleanup import clear_ended
from spark_avatar.service.segment_runner import SegmentRunner
from spark_avatar.tasks.segments import Segment, SegmentStatus, done_share
from spark_avatar.tasks.task import Task, TaskFailure, TaskId

_POLL_SECONDS: Final = 0.25
_STOCK_SECONDS: Final = 1.0
_PLANNED: Final = 0.05
_RENDERED: Final = 0.98
"""Shares of the render that are done after a stage."""
_log = logging.getLogger(__name__)


class SegmentFailed(GenerationError):
    """A part of the video could not be rendered."""

    def __init__(self, failure: TaskFailure) -> None:
        super().__init__(failure.message)
        self.code = failure.code


@dataclass(frozen=True)
class SplitRenderer:
    """Renders as `Pipeline.render` does; recordings that are longer than `seconds` in segments of about that length."""

    runner: SegmentRunner
    seconds: float
    max_attempts: int = 3
    leases: LeaseWatch = field(default_factory=LeaseWatch)
    wake: Callable[[str, int], None] | None = None
    """Told for how many more workers with this engine there is work; those that look by themselves need no telling."""

    def render(
        self,
        task: Task,
        image: Path,
        audio: Path,
        workdir: Path,
        *,
        engine: str,
        origin: Origin,
        monitor: RenderMonitor,
    ) -> Rendition | None:
        """The video of a task that this worker holds, in `workdir`; None where it is to be rendered in one go. Raises what
        `Pipeline.render` raises, and what the monitor raises.
        """
        job = _Job(task, image, audio, engine, origin, monitor, workdir)
        segments = self.runner.segments.of_task(task.id)  # an earlier attempt may have planned and rendered some of them
        if not segments and probe_audio(audio, self.runner.pipeline.limits).seconds > self.seconds:
            segments = self._plan(job)
        if not segments:
            return None
        try:
            return self._joined(job, segments)
        except PartsDiffer:  # workers of two releases: none of them is wrong, but they do not fit together
            _log.warning("the parts of a video differ in their coding", extra={"task_id": task.id})
            return None

    def tidy(self) -> None:
        """Removes what the segments of ended tasks have left."""
        clear_ended(self.runner.segments, self.runner.storage)

    def _plan(self, job: "_Job") -> list[Segment]:
        """The segments of the video, for all workers to see; none where the engine renders in one go only."""
        task = job.task
        assert task.claim is not None
        plan = self.runner.pipeline.plan(
            job.image,
            job.audio,
            engine=job.engine,
            options=task.request.options,
            seed=task.seed or 0,
            monitor=job.monitor,
            workdir=job.workdir,
        )
        if plan is None:
            return []
        ranges = cut(len(plan.track), plan.track.frame_rate, plan.pauses, self.seconds)
        if len(ranges) == 1:
            return []
        self.runner.files.keep_plan(task, task.claim.attempt, plan, job.origin, job.image, job.workdir)
        planned = [
            Segment(
                task_id=task.id,
                number=number,
                account_id=task.account_id,
                engine=job.engine,
                plan_attempt=task.claim.attempt,
                first_frame=first,
                end_frame=end,
                created_at=self.runner.clock(),
            )
            for number, (first, end) in enumerate(ranges)
        ]
        stored = self.runner.segments.plan(task, planned)
        if not stored:
            self.runner.files.drop_plan(task, task.claim.attempt)  # with no segments, nobody else knows of it
            raise ClaimLost
        if self.wake is not None:
            self.wake(job.engine, len(stored) - 1)
        _log.info("recording split", extra={"task_id": task.id, "segments": len(stored)})
        return stored

    def _joined(self, job: "_Job", segments: list[Segment]) -> Rendition:
        plan, origin = self.runner.files.plan(segments[0], job.workdir)
        segments = self._all_done(job.task, job.monitor)
        job.monitor.progress(_RENDERED, "encoding")
        parts = []
        for segment in segments:
            job.monitor.checkpoint()
            parts.append(self.runner.files.fetch_part(segment, job.workdir / f"part-{segment.number}.mp4"))
        rendition = self.runner.pipeline.join(
            parts,
            job.image,
            job.audio,
            job.workdir / "output",
            plan,
            engine=job.engine,
            seed=job.task.seed or 0,
            origin=origin,
            thumbnail=job.workdir / "thumbnail.jpg",
            preview=job.workdir / "preview.webp",
        )
        units = plan.compute_units + sum(segment.compute_units for segment in segments)
        return replace(rendition, compute_units=units, timings={**rendition.timings, "segments": float(len(segments))})

    def _all_done(self, task: Task, monitor: RenderMonitor) -> list[Segment]:
        """Renders segments that wait, and waits for those that other workers render. Returns them when all are done."""
        stock = _Stock(self, task, monitor)
        pause = threading.Event()
        while True:
            segments = stock.take()
            if all(segment.status is SegmentStatus.DONE for segment in segments):
                return segments
            mine = self.runner.claim_of(task)
            if mine is not None:
                self.runner.run(mine, stock)
            else:
                pause.wait(_POLL_SECONDS)
                monitor.checkpoint()

    def give_up_lapsed(self, segments: list[Segment]) -> bool:
        """Queues the segments of workers that have fallen silent again; returns whether there were any."""
        held = {_name(segment): segment for segment in segments if segment.claim is not None}
        claims = [(name, segment.claim) for name, segment in held.items() if segment.claim is not None]
        lapsed = self.leases.lapsed(claims)
        for name, claim in lapsed:
            if claim.attempt >= self.max_attempts:
                times = "once" if claim.attempt == 1 else f"{claim.attempt} times"
                message = f"The workers died {times} while they made a part of this video. Try other inputs."
                self.runner.segments.fail(held[name], TaskFailure(GenerationError.code, message))
            else:
                _log.warning("segment queued again", extra={"task_id": held[name].task_id, "segment": held[name].number})
                self.runner.segments.hand_back(held[name], count_attempt=True)
        return bool(lapsed)


@dataclass(frozen=True)
class _Job:
    """What is rendered, and where."""

    task: Task
    image: Path
    audio: Path
    engine: str
    origin: Origin
    monitor: RenderMonitor
    workdir: Path


class _Stock:
    """Watches all segments of a task on behalf of the monitor of the task, also while one of them is rendered here."""

    def __init__(self, split: SplitRenderer, task: Task, monitor: RenderMonitor) -> None:
        self._split, self._task, self._monitor = split, task, monitor
        self._taken_at = float("-inf")

    def take(self) -> list[Segment]:
        """All segments; raises `ClaimLost` if there are none any more, `SegmentFailed`."""
        segments = self._split.runner.segments.of_task(self._task.id)
        if self._split.give_up_lapsed(segments):
            segments = self._split.runner.segments.of_task(self._task.id)
        if not segments:
            raise ClaimLost
        for segment in segments:
            if segment.failure is not None:
                raise SegmentFailed(segment.failure)
        self._monitor.progress(_PLANNED + (_RENDERED - _PLANNED) * done_share(segments), "rendering")
        return segments

    def progress(self, fraction: float, stage: str) -> None:  # noqa: ARG002 - the store knows of all segments
        """The segment that is rendered here has news; so may the others."""
        now = time.monotonic()
        if now - self._taken_at >= _STOCK_SECONDS:
            self._taken_at = now
            self.take()

    def checkpoint(self) -> None:
        """Raises what the task's monitor raises."""
        self._monitor.checkpoint()


def _name(segment: Segment) -> TaskId:
    """A name for the lease of a segment."""
    return TaskId(f"{segment.task_id}/{segment.number}")
