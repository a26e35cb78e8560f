"""The engine: inputs in, a video out."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import skimage.data

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.animation.track_bytes import pack_track, unpack_track
from spark_avatar.engines.engine import Portrait, RenderJob, SilentMonitor
from spark_avatar.engines.options import validate_options
from spark_avatar.engines.portrait.engine import create
from spark_avatar.engines.portrait.frames import default_threads, frames
from spark_avatar.engines.portrait.options import Options
from spark_avatar.errors import Canceled, InvalidOptions
from spark_avatar.media.image import ImageFacts, read_image, write_image
from spark_avatar.media.video import probe_video, read_frames, read_transparent_frames


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


@pytest.mark.parametrize(
    ("side", "processors", "threads"), [(300, 1, 1), (300, 2, 1), (300, 8, 2), (1000, 1, 1), (1000, 2, 2), (1000, 8, 2)]
)
def test_a_large_face_takes_a_processor_for_each_thread(side, processors, threads):
    assert default_threads((40, 20, 40 + side, 20 + side), processors) == threads


def test_any_number_of_threads_draws_the_same(rig):
    alone, together = ([frame.copy() for frame in frames(rig, nodding(9), threads)] for threads in (1, 3))
    assert len(alone) == len(together) == 9
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))
    assert len({frame.tobytes() for frame in alone}) == 9


def test_a_part_of_a_track_has_the_frames_of_the_whole(rig):
    """So that other workers can draw it: nothing carries over from frame to frame."""
    track = unpack_track(pack_track(nodding(14)))
    whole = [frame.copy() for frame in frames(rig, track, threads=1)]
    part = [frame.copy() for frame in frames(rig, track.part(6, 11), threads=1)]
    assert np.array_equal(part, whole[6:11])


def test_frames_can_be_left_half_way(rig):
    drawn = frames(rig, nodding(50))
    next(drawn)
    drawn.close()


def test_a_track_becomes_a_video(engine, job):
    monitor, announced = CountingMonitor(), []
    rendition = engine.render(replace(job, announce=lambda path: announced.append((path, path.exists()))), monitor)
    facts = probe_video(rendition.path)
    assert announced == [(rendition.path, False)], "before it is written"
    assert rendition.path.parent == job.workdir
    assert (rendition.frames, facts.frames) == (12, 12)
    assert (rendition.width, rendition.height, facts.width, facts.height) == (360, 360, 360, 360)
    assert rendition.frame_rate == facts.frame_rate == 25
    assert rendition.seed == 7
    assert rendition.compute_units >= 1
    assert {"analysing", "rendering", "encoding"} <= set(rendition.timings)
    assert rendition.warnings == ()
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


def test_crop_and_colour_reach_the_video_and_the_thumbnail(engine, job):
    rendition = engine.render(
        replace(job, options=Options(resolution="360p", crop="face", background="#2040C0")), SilentMonitor()
    )
    assert (rendition.width, rendition.height) == (360, 360)
    picture = read_image(rendition.thumbnail)
    assert picture.shape == (360, 360, 3)
    assert np.abs(picture[:30, :30].astype(int) - [0x20, 0x40, 0xC0]).max() <= 6
    first = next(read_frames(rendition.path))
    assert np.abs(first[:30, :30].astype(int) - [0x20, 0x40, 0xC0]).max() <= 8
    plain = engine.render(job, SilentMonitor())
    assert np.abs(next(read_frames(plain.path)).astype(int) - first).mean() > 20


@pytest.mark.parametrize(("name", "media_type"), [("auto", "video/webm"), ("webm", "video/webm"), ("mov", "video/quicktime")])
def test_a_transparent_video_shows_the_person_alone(engine, job, name, media_type):
    options = Options(resolution="360p", background="transparent", format=name)
    rendition = engine.render(replace(job, options=options), SilentMonitor())
    assert (rendition.format.media_type, rendition.transparent) == (media_type, True)
    assert rendition.path.suffix == rendition.format.suffix
    shown = list(read_transparent_frames(rendition.path))
    assert len(shown) == 12
    for frame in shown:
        assert frame[:40, :40, 3].max() <= 2
        assert frame[70:110, 145:170, 3].min() >= 250  # her face
    thumbnail = read_image(rendition.thumbnail)
    assert thumbnail[:30, :30].min() >= 250


def test_a_picture_goes_behind_the_person(engine, job, tmp_path):
    picture = tmp_path / "stripes.png"
    stripes = np.zeros((100, 300, 3), np.uint8)
    stripes[:, 100:200] = [0, 0, 255]  # all that is left of it in a square
    write_image(picture, stripes)
    behind = Portrait(picture, ImageFacts("png", 300, 100, picture.stat().st_size))
    rendition = engine.render(replace(job, background=behind), SilentMonitor())
    for frame in read_frames(rendition.path):
        assert np.abs(frame[:40, 8:40].astype(int) - [0, 0, 255]).max() <= 10
    kept = engine.render(job, SilentMonitor())
    assert np.abs(next(read_frames(kept.path))[:40, :40].astype(int) - [0, 0, 255]).max() > 60


def test_only_the_server_fetches_a_background(engine, job):
    with pytest.raises(InvalidOptions, match="file"):
        engine.render(replace(job, options=Options(background="https://example.org/room.jpg")), SilentMonitor())


@pytest.mark.parametrize("options", [{"background": "transparent", "format": "webm"}, {"format": "mov"}])
def test_only_an_mp4_is_made_in_parts(engine, job, options):
    assert engine.plan(replace(job, options=Options(**options)), SilentMonitor()) is None


def test_an_mp4_is_never_transparent():
    with pytest.raises(InvalidOptions, match=r"^a transparent `background` needs the `format` webm or mov"):
        validate_options(Options, {"background": "transparent", "format": "mp4"})


def test_thumbnail_has_open_eyes(engine, job):
    track = nodding(12)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        track.blendshapes[:, BLENDSHAPES.index(name)] = np.arange(12) < 5
    track.head_rotation[3:5, 0] = 40
    rendition = engine.render(replace(job, motion=track), SilentMonitor())
    assert [warning.code for warning in rendition.warnings] == ["track_beyond_range"]
    shown = list(read_frames(rendition.path))
    differences = [np.abs(read_image(rendition.thumbnail).astype(int) - frame).mean() for frame in shown]
    assert int(np.argmin(differences)) == 5


@pytest.mark.parametrize(
    "value", ["green", "#12345", "#12345g", "", "ftp://example.org/a.jpg", "/etc/passwd", "stored:inputs/a/b/image"]
)
def test_a_background_that_is_no_colour_is_refused_with_examples(value):
    with pytest.raises(InvalidOptions, match="#00B140"):
        validate_options(Options, {"background": value})


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_every_frame_rate_is_offered(fps):
    assert Options(fps=fps).fps == fps
