"""Videos that another server made are marked as well, as far as that costs no quality, or further where the operator says so."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from comfyui_server import ComfyServer, running
from remote_jobs import remote_job, tone
from typer.testing import CliRunner

from acceptance.conftest import write_wav
from spark_avatar.cli.app import cli
from spark_avatar.media.video import VideoWriter, read_frames
from spark_avatar.provenance.examine import Examination, Verdict, examine


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a still picture of 256 x 256, with sound, as a generative engine would deliver it."""
    folder = tmp_path_factory.mktemp("theirs")
    audio = write_wav(folder / "sound.wav", tone(1.0), 16_000)
    picture = np.random.default_rng(0).normal(128, 15, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    with VideoWriter(folder / "video.mp4", width=256, height=256, frame_rate=Fraction(25), audio=audio, seconds=1.0) as video:
        for _ in range(video.frames):
            video.write(picture)
    return folder / "video.mp4"


@pytest.fixture
def render(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Renders with the other server; returns what was printed, what the file says, and its path."""
    remote_job(tmp_path, None)

    def run(*extra: str, **settings: str) -> tuple[dict, Examination, Path]:
        with running(ComfyServer(make=lambda _graph, _uploads: theirs.read_bytes())) as server:
            monkeypatch.setenv("SPARK_AVATAR_COMFYUI_URLS", server.url)
            monkeypatch.setenv("SPARK_AVATAR_DATA_DIR", str(tmp_path / "data"))
            for name, value in settings.items():
                monkeypatch.setenv(f"SPARK_AVATAR_PROVENANCE_{name}", value)
            out = tmp_path / "out.mp4"
            command = ["render", str(tmp_path / "image"), str(tmp_path / "audio"), "-o", str(out), "--json"]
            done = CliRunner().invoke(cli, [*command, "--engine", "comfyui.comfyui_example", *extra])
            assert done.exit_code == 0, done.output
        return json.loads(done.stdout), examine(out), out

    return run


def test_it_is_signed_and_tagged_and_its_pictures_are_not_touched(render, theirs: Path) -> None:
    told, found, out = render()
    assert found.verdict is Verdict.INTACT
    assert found.manifest is not None
    assert found.tags is not None
    assert found.manifest.source_type == found.tags.source_type == "trainedAlgorithmicMedia"
    assert found.manifest.identity == found.tags.identity == told["provenance"]["id"]
    assert all(np.array_equal(a, b) for a, b in zip(read_frames(theirs), read_frames(out), strict=True))
    assert found.watermark is None
    assert told["provenance"]["watermark"] is False
    assert "watermark_missing" in [warning["code"] for warning in told["warnings"]]


def test_it_is_encoded_anew_for_the_watermark_where_the_operator_wants_that(render) -> None:
    told, found, _ = render(WATERMARK_REMOTE="true")
    assert found.watermark_id is not None
    assert told["provenance"]["id"].startswith(found.watermark_id)
    assert told["provenance"]["watermark"] is True
    assert told["warnings"] == []


def test_a_label_is_worth_encoding_it_anew_too(render) -> None:
    told, found, out = render("--label")
    assert told["provenance"]["label"] is told["provenance"]["watermark"] is True
    assert found.watermark is not None
    frame = next(read_frames(out)).astype(int)
    assert frame[8:24, 8:60].min() < 80  # the plate
