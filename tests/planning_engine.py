"""An engine for tests that can render parts: what a frame shows follows from its place in the track."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from plain_engine import PlainEngine

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.engine import MotionPlan, RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.media.video import VideoWriter, frame_count

SIDE = 32
RATE = Fraction(25)


def picture(number: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 20 + number * 2, np.uint8)


def track_of(seconds: float) -> AnimationTrack:
    frames = frame_count(seconds, RATE)
    blendshapes = np.zeros((frames, len(BLENDSHAPES)), np.float32)
    blendshapes[:, 0] = np.arange(frames) / 1000
    return AnimationTrack(
        RATE, blendshapes, np.zeros((frames, 3), np.float32), np.zeros((frames, 3), np.float32), np.zeros(frames, np.float32)
    )


@dataclass
class PlanningPlainEngine(PlainEngine):
    """`PlainEngine`, with plans."""

    plans: int = 0

    def plan(self, job: RenderJob, monitor: RenderMonitor) -> MotionPlan:
        self.plans += 1
        assert isinstance(job.motion, Speech)
        track = track_of(job.motion.facts.seconds)
        return MotionPlan(track, (), picture(0), compute_units=3, diagnostics={"face": {"count": 1}})

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        self.jobs.append(job)
        self.during(job, monitor)
        whole = isinstance(job.motion, Speech)
        track = track_of(job.motion.facts.seconds) if isinstance(job.motion, Speech) else job.motion
        path = job.workdir / "plain.mp4"
        audio = job.motion.path if isinstance(job.motion, Speech) else None
        with VideoWriter(
            path, width=SIDE, height=SIDE, frame_rate=RATE, audio=audio, seconds=track.seconds, mark=job.mark
        ) as video:
            for done, place in enumerate(track.blendshapes[:, 0]):
                monitor.checkpoint()
                monitor.progress(done / len(track), "render")
                video.write(picture(round(float(place) * 1000)))
        return Rendition(
            path=path,
            seconds=track.seconds,
            frames=len(track),
            frame_rate=RATE,
            width=SIDE,
            height=SIDE,
            engine=self.name,
            seed=job.seed,
            compute_units=7 if whole else 2,
            timings={"render": 0.5},
        )
