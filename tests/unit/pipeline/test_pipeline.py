import shutil
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from plain_engine import PlainEngine

from spark_avatar import pipeline as pipeline_module
from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.errors import AudioUnreadable, Canceled, ConfigurationError, GenerationError, ImageUnreadable, InvalidOptions
from spark_avatar.media.video import VideoWriter, probe_video, read_frames
from spark_avatar.pipeline import Pipeline


@pytest.fixture
def engine() -> PlainEngine:
    return PlainEngine()


@pytest.fixture
def pipeline(engine: PlainEngine) -> Pipeline:
    return Pipeline(EngineRegistry({"plain": lambda: engine}))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 48)).save(tmp_path / "face.png")
    return tmp_path / "face.png"


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "speech.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes((np.sin(np.arange(16000) * 0.2) * 9000).astype(np.int16).tobytes())
    return tmp_path / "speech.wav"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def still(frames: int = 10) -> AnimationTrack:
    zeros = np.zeros((frames, 3), np.float32)
    return AnimationTrack(
        Fraction(25), np.zeros((frames, len(BLENDSHAPES)), np.float32), zeros, zeros, np.zeros(frames, np.float32)
    )


def test_a_video_appears_at_the_output_and_nothing_else_remains(pipeline, image, audio, scratch, tmp_path):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an older video")
    rendition = pipeline.render(image, audio, output, engine="plain", seed=3, workdir=scratch)
    assert (rendition.path, rendition.seed, rendition.frames) == (output, 3, 25)
    assert {"probe", "render", "finish", "total"} <= rendition.timings.keys()
    facts = probe_video(output)
    assert (facts.frames, facts.width) == (25, 32)
    assert abs(facts.audio_seconds - facts.seconds) <= 0.04
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.png", "out.mp4", "scratch", "speech.wav"]


def test_the_same_seed_makes_the_same_frames_and_a_drawn_one_is_told(pipeline, image, audio, tmp_path):
    first, second = tmp_path / "1.mp4", tmp_path / "2.mp4"
    drawn = pipeline.render(image, audio, first, engine="plain")
    pipeline.render(image, audio, second, engine="plain", seed=drawn.seed)
    assert all(np.array_equal(a, b) for a, b in zip(read_frames(first), read_frames(second), strict=True))
    other = pipeline.render(image, audio, second, engine="plain")
    assert other.seed != drawn.seed


def test_a_track_is_followed_without_sound(pipeline, engine, image, tmp_path):
    track = still()
    rendition = pipeline.render(image, track, tmp_path / "out.mp4", engine="plain")
    assert engine.jobs[0].motion is track
    assert rendition.frames == 10
    assert probe_video(rendition.path).audio_seconds is None


def test_the_engine_stays_warm(pipeline, engine, image, tmp_path):
    for _ in range(2):
        pipeline.render(image, still(), tmp_path / "out.mp4", engine="plain")
    assert len(engine.jobs) == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"engine": "paint"}, ConfigurationError),
        ({"options": {"loudness": 9}}, InvalidOptions),
        ({"options": {"colour": "red"}}, InvalidOptions),
        ({"seed": -1}, InvalidOptions),
        ({"seed": 2**32}, InvalidOptions),
    ],
)
def test_what_cannot_be_used_is_refused_before_any_work(changes, error, pipeline, engine, image, audio, tmp_path):
    with pytest.raises(error):
        pipeline.render(image, audio, tmp_path / "out.mp4", **{"engine": "plain", **changes})
    assert engine.jobs == []


def test_an_output_folder_that_does_not_exist_is_noticed_first(pipeline, engine, image, audio, tmp_path):
    with pytest.raises(InvalidOptions, match="folder"):
        pipeline.render(image, audio, tmp_path / "nowhere" / "out.mp4", engine="plain")
    assert engine.jobs == []


def test_inputs_are_probed_before_the_engine_sees_them(pipeline, engine, image, audio, scratch, tmp_path):
    (tmp_path / "text").write_text("no picture, no sound")
    with pytest.raises(ImageUnreadable):
        pipeline.render(tmp_path / "text", audio, tmp_path / "out.mp4", engine="plain", workdir=scratch)
    with pytest.raises(AudioUnreadable):
        pipeline.render(image, tmp_path / "text", tmp_path / "out.mp4", engine="plain", workdir=scratch)
    assert engine.jobs == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("error", [GenerationError("no"), Canceled(), ZeroDivisionError(), KeyboardInterrupt()])
def test_however_it_ends_nothing_is_left_and_an_old_output_stays(error, pipeline, engine, image, audio, scratch, tmp_path):
    def interfere(job, _monitor):
        (job.workdir / "half").write_bytes(b"half")
        raise error

    engine.during = interfere
    (tmp_path / "out.mp4").write_bytes(b"an older video")
    with pytest.raises(type(error)):
        pipeline.render(image, audio, tmp_path / "out.mp4", engine="plain", workdir=scratch)
    assert (tmp_path / "out.mp4").read_bytes() == b"an older video"
    assert list(scratch.iterdir()) == []


class Liar(PlainEngine):
    """Promises another video than it wrote."""

    spoil = staticmethod(lambda rendition, job: rendition)

    def render(self, job, monitor):
        return self.spoil(super().render(job, monitor), job)


def garbage(rendition, _job):
    rendition.path.write_bytes(b"not a video")
    return rendition


def silent(rendition, _job):
    with VideoWriter(rendition.path, width=32, height=32, frame_rate=Fraction(25), audio=None, seconds=1) as video:
        for _ in range(video.frames):
            video.write(np.zeros((32, 32, 3), np.uint8))
    return rendition


def uneven(rendition, _job):
    with av.open(str(rendition.path), "w", format="mp4") as container:
        picture, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=16000, layout="mono")
        picture.width = picture.height = 32
        for _ in range(25):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 32000), np.float32), format="fltp", layout="mono")
        noise.sample_rate = 16000
        for stream, frame in ((sound, noise), (picture, None), (sound, None)):
            container.mux(stream.encode(frame))
    return rendition


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (garbage, "decoded"),
        (silent, "no sound"),
        (uneven, "differ in length"),
        (lambda rendition, _: replace(rendition, frames=24), "24"),
    ],
)
def test_a_broken_video_is_never_handed_out(spoil, words, image, audio, tmp_path):
    liar = Liar()
    liar.spoil = spoil
    with pytest.raises(GenerationError, match=words):
        Pipeline(EngineRegistry({"plain": lambda: liar})).render(image, audio, tmp_path / "out.mp4", engine="plain")
    assert not (tmp_path / "out.mp4").exists()


def test_a_border_of_file_systems_is_crossed_by_a_copy(image, tmp_path, monkeypatch, pipeline):
    rename = Path.replace

    def border(self: Path, target: Path) -> Path:
        if self.parent != Path(target).parent:
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", border)
    output = tmp_path / "out.mp4"
    pipeline.render(image, still(), output, engine="plain")
    assert probe_video(output).frames == 10
    monkeypatch.setattr(shutil, "copyfile", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="space"):
        pipeline.render(image, still(), output, engine="plain")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.png", "out.mp4"]


def test_the_public_function_uses_the_installed_engines(image, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_module, "_installed_engines", lambda: EngineRegistry({"plain": PlainEngine}))
    assert pipeline_module.render(image, still(), tmp_path / "out.mp4", engine="plain", options={"loudness": 1.5}).frames == 10


def test_a_thumbnail_is_the_videos_first_frame_where_the_engine_makes_none(
    pipeline: Pipeline, image: Path, audio: Path, tmp_path: Path
) -> None:
    rendition = pipeline.render(image, audio, tmp_path / "a.mp4", engine="plain", thumbnail=tmp_path / "a.png")
    assert rendition.thumbnail == tmp_path / "a.png"
    first = next(read_frames(tmp_path / "a.mp4"))
    assert np.array_equal(np.array(Image.open(tmp_path / "a.png")), first)


@pytest.mark.parametrize("name", ["a.gif", "missing/a.jpg"])
def test_a_thumbnail_that_cannot_be_written_is_refused_before_the_work(
    pipeline: Pipeline, image: Path, audio: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidOptions, match="thumbnail"):
        pipeline.render(image, audio, tmp_path / "a.mp4", engine="plain", thumbnail=tmp_path / name)
    assert not (tmp_path / "a.mp4").exists()
