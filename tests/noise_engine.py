"""An engine whose videos are noise: as large as ever in as little time."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from pydantic import BaseModel

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition
from spark_avatar.media.video import VideoWriter

RATE = Fraction(25)


class NoiseOptions(BaseModel):
    pass


def nothing() -> None:
    pass


@dataclass
class NoiseEngine:
    """`before_last` is called when all frames but the last are written, while the file is still growing."""

    before_last: Callable[[], None] = nothing
    sides: tuple[int, int] = (1280, 720)
    """A second of these has about 14 MB."""
    name: str = "plain"
    Options: type[BaseModel] = NoiseOptions

    def warm_up(self) -> None:
        pass

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        path, random = job.workdir / "noise.mp4", np.random.default_rng(1)
        width, height = self.sides
        noise = random.integers(0, 256, (height * 2, width * 2, 3), dtype=np.uint8)
        job.announce(path)
        with VideoWriter(
            path,
            width=width,
            height=height,
            frame_rate=RATE,
            audio=job.motion.path,
            seconds=job.motion.facts.seconds,
            mark=job.mark,
        ) as video:
            for number in range(video.frames):
                if number == video.frames - 1:
                    self.before_last()
                monitor.checkpoint()
                monitor.progress(number / video.frames, "rendering")
                x, y = random.integers(0, width), random.integers(0, height)
                video.write(noise[y : y + height, x : x + width])
        return Rendition(
            path=path,
            seconds=float(video.frames / RATE),
            frames=video.frames,
            frame_rate=RATE,
            width=width,
            height=height,
            engine=self.name,
            seed=job.seed,
            compute_units=1,
            timings={},
        )
