"""An engine for the fault tests, found through an entry point by real servers and workers. What it does is asked for in the
request; folders that the tests name by FLEET_FOLDER are how it and they wait for each other.
"""

import os
import signal
import struct
import time
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.media.video import VideoWriter

SIDE, RATE = 32, 25
HEAVY = 16_000_000
"""Bytes of padding."""
LEAK = 200_000_000
_leaked: list[np.ndarray] = []


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Literal["plain", "poison", "gate", "heavy", "heavy-gate", "stuck", "leak", "listen"] = Field(
        default="plain", description="What it does."
    )
    seconds: float = Field(default=0.3, ge=0, le=600, description="How long it takes.")
    name: str = Field(default="", max_length=60, description="What it is called in the tests.")


class FleetEngine:
    name = "fleet"
    Options = Options

    def warm_up(self) -> None:
        """As an engine does that loads a network: once in every process."""

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        options = job.options
        assert isinstance(options, Options)
        assert isinstance(job.motion, Speech)
        monitor.progress(0.1, "analyse")
        (job.workdir / "scratch").write_bytes(bytes(10_000))
        if options.mode == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if options.mode == "stuck":
            time.sleep(options.seconds)  # it never looks whether it should stop
        if options.mode == "listen":
            (Path(os.environ["FLEET_FOLDER"]) / f"{options.name}.reached").write_text(str(os.getpid()))
            until = time.monotonic() + options.seconds
            while time.monotonic() < until:
                monitor.checkpoint()
                time.sleep(0.02)
        if options.mode == "leak":
            _leaked.append(np.ones(LEAK, np.uint8))
        path = job.workdir / "fleet.mp4"
        with VideoWriter(
            path, width=SIDE, height=SIDE, frame_rate=Fraction(RATE), audio=job.motion.path, seconds=job.motion.facts.seconds
        ) as video:
            for number in range(video.frames):
                time.sleep(options.seconds / video.frames if options.mode != "stuck" else 0)
                monitor.checkpoint()
                monitor.progress(number / video.frames, "render")
                video.write(np.full((SIDE, SIDE, 3), (number * 9 + job.seed) % 256, np.uint8))
            frames = video.frames
        if options.mode.startswith("heavy"):  # a long file to store
            with path.open("ab") as file:
                file.write(struct.pack(">I4s", HEAVY, b"free") + bytes(HEAVY - 8))
        if options.mode.endswith("gate"):
            folder = Path(os.environ["FLEET_FOLDER"])
            (folder / f"{options.name}.reached").write_text(str(os.getpid()))
            while not (folder / f"{options.name}.go").exists():
                time.sleep(0.02)
        return Rendition(
            path=path,
            seconds=frames / RATE,
            frames=frames,
            frame_rate=Fraction(RATE),
            width=SIDE,
            height=SIDE,
            engine=self.name,
            seed=job.seed,
            compute_units=3,
            timings={"render": options.seconds},
        )


def create() -> FleetEngine:
    return FleetEngine()
