"""The motion of a filmed face: of videos that we render ourselves, so that the truth is known."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import skimage.data

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.capture.capture import capture_track
from spark_avatar.capture.following import follow_face
from spark_avatar.capture.measurements import MEASUREMENTS
from spark_avatar.engines.portrait.controls import mouth_controls
from spark_avatar.engines.portrait.frames import frames
from spark_avatar.engines.portrait.lip_space import CONTROLS
from spark_avatar.engines.portrait.portrait_rig import build_rig
from spark_avatar.errors import FaceNotFound, InputError
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.media.film import FilmFrame
from spark_avatar.media.video import VideoWriter

RATE = Fraction(25)
COUNT = 100
TIMES = np.arange(COUNT) / 25


def known_track():
    shapes = np.zeros((COUNT, 52), np.float32)

    def put(names, values):
        for name in names:
            shapes[:, BLENDSHAPES.index(name)] = values

    talk = np.clip(0.5 - 0.8 * np.cos(2 * np.pi * TIMES / 0.8), 0, 1) * np.clip(TIMES / 0.4, 0, 1)
    put(["jawOpen"], 0.45 * talk)
    put(["mouthLowerDownLeft", "mouthLowerDownRight"], 0.25 * talk)
    put(["eyeBlinkLeft", "eyeBlinkRight"], np.exp(-(((TIMES[:, None] - [1.0, 2.6]) / 0.06) ** 2)).sum(axis=1))
    brows = 0.6 * np.sin(2 * np.pi * TIMES / 2.2)
    put(["browInnerUp", "browOuterUpLeft", "browOuterUpRight"], np.clip(brows, 0, 1))
    put(["browDownLeft", "browDownRight"], np.clip(-brows, 0, 1))
    look = 0.4 * np.sin(2 * np.pi * TIMES / 1.4)
    put(["eyeLookOutLeft", "eyeLookInRight"], np.clip(look, 0, 1))
    put(["eyeLookInLeft", "eyeLookOutRight"], np.clip(-look, 0, 1))
    # Filmed heads nod by 3.4 degrees (median standard deviation); of an opening mouth the mesh takes a degree for a nod.
    rotation = np.stack([4 * np.sin(2 * np.pi * TIMES / 2), 4 * np.sin(2 * np.pi * TIMES / 1.3), np.zeros(COUNT)], axis=1)
    return AnimationTrack(
        RATE, shapes, rotation.astype(np.float32), np.zeros((COUNT, 3), np.float32), np.zeros(COUNT, np.float32)
    )


def film(path, pictures):
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width=width, height=height, frame_rate=RATE, audio=None, seconds=len(pictures) / 25) as video:
        for picture in pictures:
            video.write(picture)
    return path


@pytest.fixture(scope="module")
def filmed():
    rig = build_rig(FaceAnalyzer().analyze(skimage.data.astronaut()), (512, 512))
    return [frame.copy() for frame in frames(rig, known_track())]


@pytest.fixture(scope="module")
def captured(filmed, tmp_path_factory):
    return capture_track(film(tmp_path_factory.mktemp("capture") / "filmed.mp4", filmed))


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def test_the_mouth_opens_when_and_as_far_as_it_did(captured):
    asked, found = known_track().mouth_open, captured.mouth_open
    assert len(captured) == COUNT
    assert captured.frame_rate == RATE
    assert correlation(asked, found) >= 0.97
    assert 0.85 <= found.std() / asked.std() <= 1.15


def test_the_jaw_drops_as_far_as_it_did(captured):
    asked, found = (mouth_controls(track)[:, CONTROLS.index("jaw")] for track in (known_track(), captured))
    assert correlation(asked, found) >= 0.95
    assert 0.85 <= found.std() / asked.std() <= 1.15


def test_closed_lips_are_closed(captured):
    closed = known_track().mouth_open < 0.002
    assert closed.sum() > 20
    assert (captured.mouth_open[closed] < 0.02).mean() > 0.95


def test_every_blink_is_found_and_no_other(captured):
    for side in ("Left", "Right"):
        shut = captured.curve(f"eyeBlink{side}") > 0.5
        starts = np.flatnonzero(np.diff(shut.astype(int)) > 0)
        assert len(starts) == 2
        np.testing.assert_allclose(starts / 25, [1.0, 2.6], atol=0.1)


@pytest.mark.parametrize(
    ("there", "back"),
    [(("browOuterUpLeft", "browOuterUpRight"), ("browDownLeft", "browDownRight")), (("eyeLookOutLeft",), ("eyeLookInLeft",))],
)
def test_brows_and_eyes_move_as_far_as_they_did(captured, there, back):
    asked, found = (sum(map(track.curve, there)) - sum(map(track.curve, back)) for track in (known_track(), captured))
    assert correlation(asked, found) > 0.9
    assert 0.7 < found.std() / asked.std() < 1.3


def test_the_head_turns_as_it_did(captured):
    truth = known_track().head_rotation
    for angle, least in ((0, 0.98), (1, 0.9)):
        assert correlation(truth[:, angle], captured.head_rotation[:, angle]) > least
        assert 0.5 < captured.head_rotation[:, angle].std() / truth[:, angle].std() < 1.3
    assert np.abs(np.median(captured.head_rotation, axis=0)).max() < 0.1


def test_frames_without_a_face_are_bridged(filmed, captured, tmp_path):
    hidden = [np.full_like(picture, 90) if 40 <= i < 46 else picture for i, picture in enumerate(filmed)]
    bridged = capture_track(film(tmp_path / "hidden.mp4", hidden))
    assert len(bridged) == COUNT
    assert correlation(bridged.mouth_open[60:], captured.mouth_open[60:]) > 0.99
    assert np.abs(np.diff(bridged.head_rotation[38:48], axis=0)).max() < 2


def test_a_face_is_measured_once_the_mesh_has_come_to_rest(filmed):
    """At the start, and where the face is found again: brows would jerk by 0.004 E."""
    still, hidden = [filmed[0]] * 10, np.full_like(filmed[0], 90)
    film = [FilmFrame(image, number / 25, 0.04) for number, image in enumerate([*still, hidden, *still])]
    rows = [sighting.measured for sighting in follow_face(film)]
    assert rows[10] is None
    for run in (rows[:10], rows[11:]):
        brows = np.stack(run)[:, [MEASUREMENTS.index(f"brow_{which}") for which in ("right", "left", "inner")]]
        assert np.abs(brows - np.median(brows, axis=0)).max() < 0.0015


def test_a_film_of_an_uneven_rate_keeps_its_time(filmed, captured, tmp_path):
    """As phones film in the dark: frames are missing, and the others are shown for longer."""
    kept = [i for i in range(COUNT) if i % 7 not in (2, 3) or i == COUNT - 1]
    with av.open(str(tmp_path / "phone.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width = filmed[0].shape[:2]
        stream.codec_context.time_base = 1 / RATE
        for number in kept:
            frame = av.VideoFrame.from_ndarray(filmed[number], "rgb24")
            frame.pts, frame.time_base = number, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    track = capture_track(tmp_path / "phone.mp4")
    assert track.frame_rate == RATE
    assert COUNT <= len(track) <= COUNT + 3
    assert correlation(track.mouth_open[:COUNT], captured.mouth_open) > 0.95
    assert correlation(track.head_rotation[:COUNT, 0], captured.head_rotation[:, 0]) > 0.98


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_film_of_a_few_frames_has_a_track(filmed, tmp_path, count):
    assert len(capture_track(film(tmp_path / "short.mp4", filmed[:count]))) == count


def test_a_track_drives_the_portrait_again(captured):
    # Every value lies where `AnimationTrack` and the track files want it.
    assert captured.blendshapes.min() >= 0
    assert captured.blendshapes.max() <= 1
    assert np.isfinite(replace(captured).head_translation).all()


def test_a_video_without_a_face_is_refused(tmp_path):
    with pytest.raises(FaceNotFound, match="0 of the video's 8 frames"):
        capture_track(film(tmp_path / "empty.mp4", [np.full((128, 128, 3), 90, np.uint8)] * 8))


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(InputError):
        capture_track(path)
