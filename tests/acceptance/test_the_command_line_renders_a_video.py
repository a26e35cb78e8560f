"""`spark-avatar render` as a user runs it."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from acceptance.conftest import RATE, write_wav
from spark_avatar.media.samples import sample_portrait
from spark_avatar.media.video import probe_video, read_frames


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_avatar", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "300"}  # no message is broken into lines
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=wide)


@pytest.fixture(scope="module")
def rendered(media: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    output = tmp_path_factory.mktemp("rendered") / "out.mp4"
    done = run("render", media / "portrait.png", media / "speech.wav", "-o", output, "--seed", 7, "--json")
    assert done.returncode == 0, done.stderr
    return output, json.loads(done.stdout)


def test_the_video_is_what_the_rendition_says(rendered: tuple[Path, dict]) -> None:
    output, rendition = rendered
    facts = probe_video(output)
    assert Path(rendition["path"]) == output
    assert (facts.codec, facts.profile, facts.pix_fmt) == ("h264", "High", "yuv420p")
    assert (facts.width, facts.height) == (rendition["width"], rendition["height"]) == (512, 512)
    assert facts.frame_rate == Fraction(rendition["frame_rate"]) == 25
    assert facts.frames == rendition["frames"] == 50
    assert abs(facts.audio_seconds - facts.seconds) <= 1 / 25
    assert facts.audio_rate == RATE
    assert {"seed", "seconds", "engine", "compute_units", "timings", "warnings"} <= rendition.keys()


def test_the_mouth_moves_and_the_corner_does_not(rendered: tuple[Path, dict]) -> None:
    frames = np.stack(list(read_frames(rendered[0]))).astype(float)
    spread = frames.std(axis=0).mean(axis=2)
    assert spread[:40, :40].max() < 4  # the encoder's noise
    assert spread[150:260, 170:300].mean() > 3 * spread[:40, :40].mean()


def test_the_same_seed_gives_the_same_frames(rendered: tuple[Path, dict], media: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.mp4", tmp_path / "other.mp4"
    assert run("render", media / "portrait.png", media / "speech.wav", "-o", again, "--seed", 7, "-q").returncode == 0
    assert run("render", media / "portrait.png", media / "speech.wav", "-o", other, "--seed", 8, "-q").returncode == 0
    first = list(read_frames(rendered[0]))
    assert all(np.array_equal(a, b) for a, b in zip(first, read_frames(again), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, read_frames(other), strict=True))


def test_a_track_is_rendered_without_sound(media: Path, tmp_path: Path) -> None:
    analysed = run("analyze", media / "word.wav", "--json", "--transcript", "Nobody says all of this in one second")
    assert analysed.returncode == 0, analysed.stderr
    track = json.loads(analysed.stdout)
    assert "transcript_ignored" in {warning["code"] for warning in track["warnings"]}
    assert track["frame_rate"] == 25
    assert len(track["mouth_open"]) == len(track["blendshapes"]["jawOpen"]) == 25
    path = tmp_path / "track.json"
    path.write_text(analysed.stdout)
    done = run("render", media / "portrait.png", "--track", path, "-o", tmp_path / "silent.mp4", "--json")
    assert done.returncode == 0, done.stderr
    facts = probe_video(tmp_path / "silent.mp4")
    assert (facts.frames, facts.audio_seconds) == (25, None)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["noise.png", "speech.wav"], 3, "face"),
        (["portrait.png", "silence.wav"], 3, "silent"),
        (["portrait.png", "notes.txt"], 3, "text"),
        (["portrait.png", "speech.wav", "--fps", "13"], 3, "fps"),
        (["portrait.png", "speech.wav", "--engine", "nothing"], 4, "nothing"),
        (["missing.png", "speech.wav"], 2, "missing.png"),
        (["portrait.png"], 2, "--track"),
        (["portrait.png", "speech.wav", "--thumbnail", "portrait.png"], 3, "overwrite"),
        (["portrait.png", "speech.wav", "--background", "#0f0"], 2, "#00B140"),
    ],
)
def test_faults_are_told_in_a_sentence(arguments: list[str], code: int, words: str, media: Path, tmp_path: Path) -> None:
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    sample_portrait(tmp_path / "portrait.png")
    write_wav(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    (tmp_path / "notes.txt").write_text("These are notes, not speech.\n" * 50)
    (tmp_path / "speech.wav").write_bytes((media / "speech.wav").read_bytes())
    files = [tmp_path / word if "." in word else word for word in arguments]
    done = run("render", *files, "-o", tmp_path / "out.mp4", "-q")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_doctor_finds_nothing_missing(tmp_path: Path) -> None:
    done = run("doctor", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "MISSING" not in done.stdout
