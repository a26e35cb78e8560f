import csv
import json
import re
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
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0], "jawOpen": [1]}}', "`jawOpen` twice"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0, 1], "mouthClose": [0]}}', "mouthClose"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0]}, "head_rotation": [[1, 2]]}', "head_rotation"),
        ('{"frame_rate": 25, "blendshapes": {"jawOpen": [0]}, "breath": [0, 1]}', "breath"),
        ('{"frame_rate": 25, "blendshapes": {}, "breath": [0, 1e300]}', "breath of the animation track is 1e+300 in frame 1"),
        ('{"frame_rate": 25, "blendshapes": {}, "breath": [0, 1], "head_rotation": [[0, 0, 0]]}', "1 frames"),
    ],
)
def test_malformed_json_is_refused_with_its_fault(tmp_path, content, word):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(InvalidOptions, match=re.escape(word)) as caught:
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
        ("frame_rate,jawOpen\n25,0\n\n25,wide\n", "frame 1"),
        ("frame_rate,jawOpen\n\n25,0\n25\n", "Line 4"),
        ("frame_rate;jawOpen\n25;0,1\n", "with commas"),
        ("frame_rate\tjawOpen\n25\t0.1\n", "with commas"),
        ("frame_rate,jawOpen,jawOpen\n25,0,1\n", "more than one column 'jawOpen'"),
        ("frame_rate,jawOpen\n25,0\n30,0\n", "25 first and 30 in line 3"),
        (f"frame_rate,jawOpen\n25,{'1' * 200_000}\n", "no CSV"),
        ("frame_rate,breath\n25,-1e300\n", "-1e\\+300 in frame 0"),
        ("seconds,frame_rate\n0.08,25\n0,25\n0.04,25\n", "0 in line 3 .* make it 0.120"),
        ("seconds,frame_rate\n0,240\n0.008,240\n0.004,240\n", "0.004 in line 4"),
        ("seconds,frame_rate\n0,25\n1,25\n2,25\n", "mend `frame_rate`"),
        ("seconds,frame_rate\n0,25\n0.04,25\n0.16,25\n", "one for every frame"),
    ],
)
def test_malformed_csv_is_refused_with_its_fault(tmp_path, content, word):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(InvalidOptions, match=word):
        read_track(path)


def test_csv_of_a_spreadsheet_or_a_hand_is_read(tmp_path):
    path = tmp_path / "hand.csv"
    path.write_text("\n frame_rate , jawOpen \n 25 , 0.2 \n\n , \n25,0.4\n\n")
    np.testing.assert_allclose(read_track(path).curve("jawOpen"), [0.2, 0.4])


@pytest.mark.parametrize(("rate", "written"), [(25, "{:.2f}"), (60, "{:.2f}"), (Fraction(30000, 1001), "{:.3f}")])
def test_times_may_be_rounded_and_begin_late(tmp_path, rate, written):
    path = tmp_path / "rounded.csv"
    rows = [f"{written.format(7.013 + i / float(rate))},{round(float(rate))},0.1" for i in range(2000)]
    path.write_text("\n".join(["seconds,frame_rate,jawOpen", *rows]))
    assert len(read_track(path)) == 2000


@pytest.mark.parametrize(
    ("part", "values"), [("breath", [0.5, 0.6]), ("head_translation", [[0, 0, 1]] * 2), ("head_rotation", [[1, 2, 3]] * 2)]
)
def test_a_track_that_moves_no_blendshape(tmp_path, part, values):
    path = tmp_path / "still.json"
    path.write_text(json.dumps({"frame_rate": 25, "blendshapes": {}, part: values}))
    np.testing.assert_allclose(getattr(read_track(path), part), values)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(b"\xff\xfe\x00\x80" * 10)
    with pytest.raises(InvalidOptions):
        read_track(path)
