import csv
import json
from fractions import Fraction

import numpy as np
import pytest
from made_features import talk

from spark_avatar.animation.animator import animate
from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.animation.track_io import read_track, write_track
from spark_avatar.errors import InvalidOptions


@pytest.fixture(scope="module")
def track() -> AnimationTrack:
    return animate(talk(3.0), frame_rate=Fraction(25), rng=np.random.default_rng(5))


@pytest.mark.parametrize("suffix", [".json", ".csv"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25, 2)])
def test_round_trip(track, tmp_path, suffix, rate):
    sent = AnimationTrack(rate, track.blendshapes, track.head_rotation, track.head_translation, track.breath)
    write_track(sent, tmp_path / f"track{suffix}")
    read = read_track(tmp_path / f"track{suffix}")
    assert read.frame_rate == rate
    for name in ("blendshapes", "head_rotation", "head_translation", "breath", "mouth_open"):
        np.testing.assert_allclose(getattr(read, name), getattr(sent, name), atol=1e-4, err_msg=name)


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_a_single_frame(track, tmp_path, suffix):
    one = AnimationTrack(
        Fraction(25), track.blendshapes[:1], track.head_rotation[:1], track.head_translation[:1], track.breath[:1]
    )
    write_track(one, tmp_path / f"one{suffix}")
    assert len(read_track(tmp_path / f"one{suffix}")) == 1


def test_csv_is_for_spreadsheets(track, tmp_path):
    write_track(track, tmp_path / "track.csv")
    rows = list(csv.DictReader((tmp_path / "track.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(track)
    assert set(BLENDSHAPES) <= rows[0].keys()
    assert float(rows[10]["seconds"]) == pytest.approx(0.4)
    assert float(rows[30]["jawOpen"]) == pytest.approx(float(track.curve("jawOpen")[30]), abs=1e-4)


def test_what_is_missing_is_zero(tmp_path):
    path = tmp_path / "part.json"
    path.write_text(json.dumps({"frame_rate": 30, "blendshapes": {"jawOpen": [0, 0.5, 1.0]}}))
    read = read_track(path)
    assert len(read) == 3
    np.testing.assert_allclose(read.curve("jawOpen"), [0, 0.5, 1])
    assert read.curve("eyeBlinkLeft").max() == 0
    assert np.abs(read.head_rotation).max() == 0
    (tmp_path / "part.csv").write_text("frame_rate,jawOpen,head_yaw\n25,0.2,3\n25,0.4,4\n")
    part = read_track(tmp_path / "part.csv")
    np.testing.assert_allclose(part.curve("jawOpen"), [0.2, 0.4])
    np.testing.assert_allclose(part.head_rotation[:, 0], [3, 4])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "JSON"),
        ("[1, 2]", "blendshapes"),
        ("{}", "blendshapes"),
        ("[" * 100_000, "JSON"),
        ('{"frame_rate": 25, "blendshapes": {}}', "no frames"),
        ('{"frame_rate": 0, "blendshapes": {"jawOpen": [0]}}', "frame_rate"),
        ('{"frame_rate": "fast", "blendshapes": {"jawOpen": [0]}}', "frame_rate"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": 3}}', "no list"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0, null]}}', "frame 1"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0, NaN]}}', "frame 1"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0, 7]}}', "0..1"),
        ('{"frame_rate": 25, "blendshapes": {"jaw": [0, 1]}}', "jaw"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0, 1], "mouthClose": [0]}}', "mouthClose"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0]}, "head_rotation": [[1, 2]]}', "head_rotation"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0]}, "breath": [0, 1]}', "breath"),
    ],
)
def test_malformed_json_is_refused_with_its_fault(tmp_path, content, word):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(InvalidOptions, match=word.replace(".", r"\.")) as caught:
        read_track(path)
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "header"),
        ("jawOpen\n0.3\n", "frame_rate"),
        ("frame_rate,jawOpen\n25\n", "Line 2"),
        ("frame_rate,jawOpen\n25,wide\n", "jawOpen"),
        ("frame_rate,jaw\n25,0.1\n", "jaw"),
        ("frame_rate,jawOpen\n-1,0.1\n", "frame_rate"),
    ],
)
def test_malformed_csv_is_refused_with_its_fault(tmp_path, content, word):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(InvalidOptions, match=word):
        read_track(path)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(b"\xff\xfe\x00\x80" * 10)
    with pytest.raises(InvalidOptions):
        read_track(path)
