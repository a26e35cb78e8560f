"""An engine for tests: quick, and it does what it is told in the middle of a job."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.video import VideoWriter


class PlainOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    loudness: float = Field(default=1.0, ge=0, le=2, description="How loud.")


def nothing(_job: RenderJob, _monitor: RenderMonitor) -> None:
    pass


@dataclass
class PlainEngine:
    """Writes a small moving picture with the recording's sound; `during` may interfere."""

    during: Callable[[RenderJob, RenderMonitor], None] = nothing
    jobs: list[RenderJob] = field(default_factory=list)
    name: str = "plain"
    Options: type[BaseModel] = PlainOptions

    def warm_up(self) -> None:
        pass

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        self.jobs.append(job)
        monitor.progress(0.1, "analyse")
        self.during(job, monitor)
        speech = job.motion if isinstance(job.motion, Speech) else None
        seconds = speech.facts.seconds if speech else job.motion.seconds
        path = job.workdir / "plain.mp4"
        audio = speech.path if speech else None
        with VideoWriter(path, width=32, height=32, frame_rate=Fraction(25), audio=audio, seconds=seconds) as video:
            for number in range(video.frames):
                monitor.checkpoint()
                monitor.progress(number / video.frames, "render")
                video.write(np.full((32, 32, 3), (number * 9 + job.seed) % 256, np.uint8))
            frames = video.frames
        return Rendition(
            path=path,
            seconds=frames / 25,
            frames=frames,
            frame_rate=Fraction(25),
            width=32,
            height=32,
            engine=self.name,
            seed=job.seed,
            compute_units=7,
            timings={"render": 0.5},
            diagnostics={"face": {"count": 1}},
            warnings=(QualityWarning("face_small", "The face is small."),),
        )
