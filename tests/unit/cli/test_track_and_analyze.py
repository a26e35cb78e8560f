"""What the commands about tracks refuse before they begin to work."""

import numpy as np
import pytest
from typer.testing import CliRunner

from spark_avatar.cli.app import cli
from spark_avatar.errors import InputError, InvalidOptions
from spark_avatar.media.image import write_image


@pytest.fixture
def portrait(tmp_path):
    write_image(tmp_path / "face.jpg", np.full((64, 64, 3), 128, np.uint8))
    return tmp_path / "face.jpg"


@pytest.fixture
def recording(tmp_path):
    """No sound: whoever comes to read it finds another fault."""
    path = tmp_path / "speech.wav"
    path.write_text("hello")
    return path


def refused(*arguments):
    error = CliRunner().invoke(cli, [str(argument) for argument in arguments]).exception
    assert isinstance(error, InputError)
    return error


def test_track_wants_a_folder_for_its_track(recording, tmp_path):
    error = refused("track", recording, "-o", tmp_path / "none" / "track.json")
    assert isinstance(error, InvalidOptions)
    assert error.message == "the output's folder does not exist: make it first"


def test_track_says_what_it_was_given_instead_of_a_video(portrait, tmp_path):
    assert "a JPEG picture, not a video" in refused("track", portrait, "-o", tmp_path / "track.json").message


@pytest.mark.parametrize(("option", "name"), [("--output", "track.json"), ("--visemes", "visemes.csv")])
def test_analyze_wants_folders_for_its_files(recording, tmp_path, option, name):
    error = refused("analyze", recording, option, tmp_path / "none" / name)
    assert isinstance(error, InvalidOptions)
    assert f"the {option[2:]}'s folder does not exist" in error.message


@pytest.mark.parametrize("name", ["preview.txt", "preview"])
@pytest.mark.parametrize("kind", ["portrait", "recording"])
def test_analyze_wants_a_picture_for_its_preview(request, tmp_path, kind, name):
    error = refused("analyze", request.getfixturevalue(kind), "--preview", tmp_path / name)
    assert isinstance(error, InvalidOptions)
    assert error.message == "the preview must be a .jpg or .png"


def test_analyze_says_that_a_picture_is_no_recording(portrait, tmp_path):
    misnamed = portrait.rename(tmp_path / "speech.wav")
    done = CliRunner().invoke(cli, ["analyze", str(misnamed), "-o", str(tmp_path / "track.json")])
    assert done.exit_code == 2
    assert "the file is a JPEG picture" in " ".join(done.output.replace("│", " ").split())


def test_no_input_is_written_over(portrait, recording):
    before = portrait.read_bytes()
    assert "would overwrite" in refused("analyze", portrait, "--preview", portrait).message
    assert "would overwrite" in refused("analyze", recording, "-o", recording).message
    assert "would overwrite" in refused("track", recording, "-o", recording).message
    assert portrait.read_bytes() == before


def test_limits_of_the_settings_hold_on_the_command_line_too(portrait, recording, tmp_path, monkeypatch):
    monkeypatch.setenv("SPARK_AVATAR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SPARK_AVATAR_MAX_IMAGE_SIDE", "32")
    for command in (("analyze", portrait), ("render", portrait, recording, "-o", tmp_path / "video.mp4")):
        assert "at most 32 x 32" in refused(*command).message
