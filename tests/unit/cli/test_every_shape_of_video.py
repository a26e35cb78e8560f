"""Frame rates, sizes, crops and files in all combinations: as the command takes them, and as the service checks them."""

import json
import wave
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spark_avatar.cli.app import cli
from spark_avatar.engines.options import validate_options
from spark_avatar.engines.portrait.options import Options
from spark_avatar.errors import InvalidOptions
from spark_avatar.media.audio import read_samples
from spark_avatar.media.image import read_image, write_image
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_portrait, sample_speech
from spark_avatar.media.video import probe_video
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.service.parameters import check_request

FRAME_RATES = (24, 25, 30, 50, 60)
URLS = {"image_url": "https://example.org/a.jpg", "audio_url": "https://example.org/a.wav"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Portraits of several shapes, with odd sides, and four tenths of a second of speech."""
    folder = tmp_path_factory.mktemp("inputs")
    sample_portrait(folder / "square.png")
    portrait = read_image(folder / "square.png")
    height, width = portrait.shape[:2]
    write_image(folder / "tall.png", portrait[:, width // 8 : width - width // 8 - 1])
    write_image(folder / "wide.png", portrait[: height * 7 // 10 - 1])
    samples = read_samples(sample_speech(), rate=16_000)[8_000:14_400]
    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return folder


@pytest.mark.parametrize(
    ("portrait", "fps", "resolution", "crop", "background", "suffix"),
    [
        ("tall", 24, "360p", "none", "keep", ".mp4"),
        ("tall", 60, "source", "face", "transparent", ".webm"),
        ("wide", 25, "source", "none", "#00B140", ".mov"),
        ("wide", 30, "480p", "face", "keep", ".webm"),
        ("square", 30, "source", "face", "#102030", ".mp4"),
        ("square", 50, "360p", "none", "square.png", ".mp4"),
        ("tall", 50, "480p", "none", "transparent", ".mov"),
    ],
)
def test_the_command_makes_what_was_asked_for(
    inputs: Path, tmp_path: Path, portrait: str, fps: int, resolution: str, crop: str, background: str, suffix: str
) -> None:
    image, output = inputs / f"{portrait}.png", tmp_path / f"video{suffix}"
    behind = str(inputs / background) if background.endswith(".png") else background
    arguments = ["render", image, inputs / "speech.wav", "-o", output, "--fps", fps, "--resolution", resolution, "--crop", crop]
    arguments += ["--background", behind, "--preview", tmp_path / "preview.webp", "--thumbnail", tmp_path / "good.jpg"]
    arguments += ["--seed", 1, "--json"]
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    told, facts = json.loads(done.stdout), probe_video(output)
    assert (facts.frame_rate, facts.frames) == (fps, told["frames"])
    assert abs(facts.seconds - 0.4) <= 1 / fps
    assert (told["format"], told["transparent"]) == (suffix[1:], background == "transparent")
    height, width = read_image(image).shape[:2]
    assert facts.width % 2 == facts.height % 2 == 0
    if crop == "face":
        assert facts.width == facts.height
    else:
        assert facts.width / facts.height == pytest.approx(width / height, rel=0.012)
    if resolution != "source":
        assert min(facts.width, facts.height) == int(resolution[:-1])
    elif crop == "none":
        assert (facts.width, facts.height) == (width - width % 2, height - height % 2)
    assert told["preview"] == str(tmp_path / "preview.webp")
    assert read_image(tmp_path / "good.jpg").shape == (facts.height, facts.width, 3)


def test_the_service_takes_every_combination_but_a_transparent_mp4() -> None:
    fields = ("resolution", "crop", "format")
    choices = [Options.model_fields[name].annotation.__args__ for name in fields]
    backgrounds = ("keep", "transparent", "#00B140", "https://example.org/room.jpg")
    for fps, background, *values in product(FRAME_RATES, backgrounds, *choices):
        params = {**URLS, "fps": fps, "background": background, **dict(zip(fields, values, strict=True))}
        request = GenerationRequest(model="any", params=params)
        if background == "transparent" and params["format"] == "mp4":
            with pytest.raises(InvalidOptions, match="transparent"):
                check_request(request, Options, MediaLimits())
            continue
        checked = check_request(request, Options, MediaLimits())
        assert checked.background_url == (background if background.startswith("https") else "")
        assert validate_options(Options, checked.options).fps == fps


def test_other_frame_rates_are_refused() -> None:
    for fps in (0, 1, 23, 29.97, 120, "25"):
        with pytest.raises(InvalidOptions, match="24, 25, 30, 50, 60"):
            validate_options(Options, {"fps": fps})
    assert np.isin(FRAME_RATES, Options.model_fields["fps"].annotation.__args__).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "webm", "-o", "out.mov"], "suffix"),
        (["--background", "nowhere.png"], "neither"),
        (["--background", "transparent", "-o", "out.mp4"], "webm or mov"),
        (["--preview", "preview.gif"], ".webp"),
        (["--engine", "nothing", "--background", "transparent"], "nothing"),
    ],
)
def test_what_cannot_be_is_told(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["render", str(inputs / "square.png"), str(inputs / "speech.wav"), *arguments])
    told = result.output + str(result.exception or "")
    assert result.exit_code != 0
    assert words in told
    assert list(tmp_path.iterdir()) == []
