"""Milliseconds a frame by stage: processor time on one core, at 512 x 512, 1080p and 2160p."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from figures import Figure
from spark_avatar.animation.animator import animate
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import poses
from spark_avatar.engines.portrait.framing import frame_size
from spark_avatar.engines.portrait.portrait_rig import PortraitRig, build_rig
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.image import read_image
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.media.video import VideoWriter
from spark_avatar.speech.analyzer import analyze_speech

STAGES = {
    "_show_eyes": "eyes",
    "_solve": "fields and their inversion",
    "_draw_window": "window",
    "_draw_mouth": "mouth",
    "frame": "whole frame",
}
"""Steps of the compositor and what they are called in the table."""
RESOLUTIONS = ("source", "1080p", "2160p")
FRAMES = 100
WARM = 10
"""Frames drawn before the clock counts."""


@contextmanager
def clocked(kind: type, spent: dict[str, list[float]]) -> Iterator[None]:
    """Notes the processor seconds of every call of the steps, inside the block."""
    originals: dict[str, Callable[..., object]] = {name: getattr(kind, name) for name in STAGES}

    def clock(name: str, step: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: object) -> object:
            began = time.thread_time()
            result = step(*arguments)
            spent[name].append(time.thread_time() - began)
            return result

        return timed

    for name, step in originals.items():
        setattr(kind, name, clock(name, step))
    try:
        yield
    finally:
        for name, step in originals.items():
            setattr(kind, name, step)


def stage_figures(rig: PortraitRig, track: AnimationTrack, output: Path) -> list[Figure]:
    """Medians over the frames of a track; of the encoder, which works in threads of its own, the mean."""
    spent: dict[str, list[float]] = defaultdict(list)
    compositor, frame = Compositor(rig), None
    height, width = rig.canvas.base.shape[:2]
    began = time.process_time()
    with (
        VideoWriter(
            output,
            width=width,
            height=height,
            frame_rate=Fraction(25),
            audio=None,
            seconds=FRAMES / 25,
            moving=rig.canvas.window,
        ) as video,
        clocked(Compositor, spent),
    ):
        for pose in islice(poses(track), FRAMES):
            frame = compositor.frame(pose, frame)
            video.write(frame)
    encoding = (time.process_time() - began - sum(spent["frame"])) / FRAMES
    size = f"{width} x {height}"
    figures = [Figure(f"{size}: {STAGES[name]}", 1000 * statistics.median(times[WARM:]), "ms") for name, times in spent.items()]
    return [*figures, Figure(f"{size}: conversion and libx264", 1000 * encoding, "ms")]


def measure() -> list[Figure]:
    """All figures of this file."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face = FaceAnalyzer().analyze(read_image(sample_portrait(folder / "portrait.png")))
        features = analyze_speech(sample_speech(), probe_audio(sample_speech(), MediaLimits()))
        track = animate(features, frame_rate=Fraction(25), rng=np.random.default_rng(1))
        figures = []
        for resolution in RESOLUTIONS:
            height, width = face.image.shape[:2]
            began = time.thread_time()
            rig = build_rig(face, frame_size((width, height), resolution))
            size = "{} x {}".format(*reversed(rig.canvas.base.shape[:2]))
            figures.append(Figure(f"{size}: rigging, once", 1000 * (time.thread_time() - began), "ms"))
            figures += stage_figures(rig, track, folder / "frames.mp4")
        return figures
