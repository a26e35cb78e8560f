"""The engine: inputs in, a video out."""

from fractions import Fraction

import numpy as np
import pytest
import skimage.data

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.engine import Portrait, RenderJob, SilentMonitor
from spark_avatar.engines.portrait.engine import create
from spark_avatar.engines.portrait.frames import frames
from spark_avatar.engines.portrait.options import Options
from spark_avatar.errors import Canceled
from spark_avatar.media.image import ImageFacts, write_image
from spark_avatar.media.video import probe_video


def nodding(frame_count):
    """Jaw, blink and head in motion."""
    phase = np.linspace(0, 2 * np.pi, frame_count)
    shapes = np.zeros((frame_count, 52), np.float32)
    shapes[:, BLENDSHAPES.index("jawOpen")] = 0.3 - 0.3 * np.cos(2 * phase)
    shapes[:, BLENDSHAPES.index("eyeBlinkLeft")] = shapes[:, BLENDSHAPES.index("eyeBlinkRight")] = np.sin(phase) > 0.9
    rotation = np.stack([4 * np.sin(phase), 2 * np.cos(phase), phase * 0], axis=1).astype(np.float32)
    return AnimationTrack(
        Fraction(25), shapes, rotation, np.zeros_like(rotation), np.linspace(0, 1, frame_count, dtype=np.float32)
    )


class CountingMonitor(SilentMonitor):
    def __init__(self, stop_after=None):
        self.seen, self.checks, self.stop_after = [], 0, stop_after

    def progress(self, fraction, stage):
        self.seen.append((fraction, stage))

    def checkpoint(self):
        self.checks += 1
        if self.stop_after is not None and self.checks > self.stop_after:
            raise Canceled("enough")


@pytest.fixture(scope="module")
def engine():
    return create()


@pytest.fixture
def job(tmp_path):
    picture = tmp_path / "astronaut.png"
    write_image(picture, skimage.data.astronaut())
    workdir = tmp_path / "work"
    workdir.mkdir()
    portrait = Portrait(picture, ImageFacts("png", 512, 512, picture.stat().st_size))
    return RenderJob(portrait, nodding(12), Options(resolution="360p"), 7, workdir)


def test_any_number_of_threads_draws_the_same(rig):
    alone, together = ([frame.copy() for frame in frames(rig, nodding(9), threads)] for threads in (1, 3))
    assert len(alone) == len(together) == 9
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))
    assert len({frame.tobytes() for frame in alone}) == 9


def test_frames_can_be_left_half_way(rig):
    drawn = frames(rig, nodding(50))
    next(drawn)
    drawn.close()


def test_a_track_becomes_a_video(engine, job):
    monitor = CountingMonitor()
    rendition = engine.render(job, monitor)
    facts = probe_video(rendition.path)
    assert rendition.path.parent == job.workdir
    assert (rendition.frames, facts.frames) == (12, 12)
    assert (rendition.width, rendition.height, facts.width, facts.height) == (360, 360, 360, 360)
    assert rendition.frame_rate == facts.frame_rate == 25
    assert rendition.seed == 7
    assert rendition.compute_units >= 1
    assert {"analysing", "rendering", "encoding"} <= set(rendition.timings)
    assert rendition.diagnostics["face"]["faces"] == 1
    assert monitor.checks >= 12
    fractions = [fraction for fraction, _ in monitor.seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_portrait_that_comes_again_is_ready(engine, job):
    engine.render(job, SilentMonitor())
    again = engine.render(job, SilentMonitor())
    assert again.timings["analysing"] < 0.1


def test_stopping_leaves_no_video(engine, job):
    with pytest.raises(Canceled):
        engine.render(job, CountingMonitor(stop_after=4))
    assert list(job.workdir.iterdir()) == []
