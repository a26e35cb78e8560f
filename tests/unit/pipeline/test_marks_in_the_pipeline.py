"""The pipeline claims what the file carries, and nothing else."""

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plain_engine import PlainEngine, PlainOptions

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition
from spark_avatar.engines.fallback import FallbackEngine
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.errors import ConfigurationError, GenerationError
from spark_avatar.media.image import read_image, write_image
from spark_avatar.media.video import VideoWriter, read_frames
from spark_avatar.pipeline import Pipeline, render
from spark_avatar.provenance.examine import Verdict, examine
from spark_avatar.provenance.provenance import Provenance, ProvenanceRules

IDENTITY = "1b4e28ba-2fa1-4d2c-883f-0016d3cca427"


class Painter:
    """Writes a still picture of 160 x 160, chosen by its name, with the marks if it knows of them."""

    Options = PlainOptions

    def __init__(self, name: str = "painter", *, marks: bool = True, fails: bool = False, source_type: str | None = None) -> None:
        self.name, self._marks, self._fails, self._source_type = name, marks, fails, source_type

    def warm_up(self) -> None:
        pass

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        noise = np.random.default_rng(len(self.name)).normal(128, 12, (160, 160, 3))
        picture, path = noise.clip(0, 255).astype(np.uint8), job.workdir / "painted.mp4"
        mark = job.mark if self._marks else None
        with VideoWriter(
            path, width=160, height=160, frame_rate=Fraction(25), audio=job.motion.path, seconds=1, mark=mark
        ) as video:
            for number in range(video.frames):
                if self._fails and number == 5:
                    raise GenerationError("half way")
                video.write(picture)
        write_image(path.with_suffix(".jpg"), picture)
        rendition = Rendition(
            path, 1.0, 25, Fraction(25), 160, 160, self.name, job.seed, 1, {}, thumbnail=path.with_suffix(".jpg")
        )
        return replace(rendition, source_type=self._source_type) if self._source_type else rendition


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    Image.new("RGB", (40, 48)).save(tmp_path / "secret name.png")
    with wave.open(str(tmp_path / "private.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes((np.sin(np.arange(16000) * 0.2) * 9000).astype(np.int16).tobytes())
    return tmp_path / "secret name.png", tmp_path / "private.wav"


def made(
    inputs: tuple[Path, Path], output: Path, engine: object, rules: ProvenanceRules | None = None, **more: object
) -> Rendition:
    pipeline = Pipeline(EngineRegistry({"it": lambda: engine}), provenance=Provenance(rules or ProvenanceRules()))
    return pipeline.render(*inputs, output, engine="it", seed=1, **more)


def test_the_video_carries_what_the_rendition_says(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    rendition = made(inputs, tmp_path / "out.mp4", Painter(), identity=IDENTITY, label=True, consent=True)
    found = examine(tmp_path / "out.mp4")
    assert found.verdict is Verdict.INTACT
    assert found.manifest is not None
    assert (found.manifest.identity, found.manifest.source_type) == (IDENTITY, "trainedAlgorithmicMedia")
    assert found.manifest.consent
    assert found.watermark_id == IDENTITY[:18]
    assert rendition.warnings == ()
    assert rendition.provenance["id"] == IDENTITY
    assert rendition.provenance["watermark"] is rendition.provenance["label"] is True
    content = (tmp_path / "out.mp4").read_bytes()
    assert b"secret" not in content
    assert b"private" not in content


def test_an_engine_says_what_its_pictures_are(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    made(inputs, tmp_path / "out.mp4", Painter(source_type="compositeWithTrainedAlgorithmicMedia"))
    found = examine(tmp_path / "out.mp4")
    assert found.manifest is not None
    assert found.tags is not None
    assert found.manifest.source_type == found.tags.source_type == "compositeWithTrainedAlgorithmicMedia"


def test_an_engine_that_knows_no_marks_is_not_claimed_to_have_made_them(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    out, picture = tmp_path / "out.mp4", tmp_path / "thumbnail.png"
    rendition = made(inputs, out, Painter(marks=False), label=True, thumbnail=picture)
    assert rendition.provenance["watermark"] is rendition.provenance["label"] is False
    assert [warning.code for warning in rendition.warnings] == ["watermark_missing"]
    assert examine(out).watermark is None


def test_the_thumbnail_has_the_label_too(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    made(inputs, tmp_path / "out.mp4", Painter(), label=True, thumbnail=tmp_path / "thumbnail.png")
    video, thumbnail = next(read_frames(tmp_path / "out.mp4")).astype(int), read_image(tmp_path / "thumbnail.png").astype(int)
    assert np.abs(video - thumbnail).mean() < 12
    assert thumbnail[6:18, 6:60].max() > 230


def test_the_marks_of_a_video_that_failed_are_forgotten(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    second = Painter("another picture")
    both = FallbackEngine(Painter(fails=True), ["second"], lambda _name: second)
    rendition = made(inputs, tmp_path / "out.mp4", both, identity=IDENTITY)
    assert rendition.engine == second.name
    assert examine(tmp_path / "out.mp4").watermark_id == IDENTITY[:18]
    both = FallbackEngine(Painter(fails=True), ["second"], lambda _name: Painter("without", marks=False))
    assert made(inputs, tmp_path / "out.mp4", both).provenance["watermark"] is False


def test_the_same_render_has_the_same_id_and_another_one_another(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    pipeline = Pipeline(EngineRegistry({"it": Painter}))
    first, same, other = (
        pipeline.render(*inputs, tmp_path / "out.mp4", engine="it", seed=seed).provenance["id"] for seed in (1, 1, 2)
    )
    assert first == same != other


def test_a_certificate_that_cannot_be_used_ends_it_before_any_work(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    engine = PlainEngine()
    rules = ProvenanceRules(certificate=tmp_path / "missing.pem", key=tmp_path / "missing.key")
    with pytest.raises(ConfigurationError, match="certificate"):
        made(inputs, tmp_path / "out.mp4", engine, rules)
    assert engine.jobs == []
    assert not (tmp_path / "out.mp4").exists()


def test_the_librarys_one_call_marks_too(tmp_path: Path, inputs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_avatar.pipeline._installed_engines", lambda: EngineRegistry({"portrait": Painter}))
    rendition = render(*inputs, tmp_path / "out.mp4")
    assert examine(tmp_path / "out.mp4").identity == rendition.provenance["id"]
