import numpy as np
import pytest

from spark_avatar.face.quality import face_light, portrait_warnings
from spark_avatar.face.rig import FaceDiagnostics, HeadPose


def warned(*, width: int = 1000, height: int = 1000, light: float = 200, lips: float = 3, **changes) -> dict[str, str]:
    good = {
        "faces": 1,
        "box": (300.0, 300.0, 350.0, 400.0),
        "face_share": 0.4,
        "eye_distance": 240.0,
        "pose": HeadPose(0, 0, 0),
        "score": 0.9,
        "plausibility": 0.95,
        "mouth_gap": 0.0,
    }
    found = portrait_warnings(FaceDiagnostics(**(good | changes)), width=width, height=height, light=light, lips=lips)
    return {warning.code: warning.message for warning in found}


def test_a_good_portrait_gives_no_warning():
    assert warned() == {}


@pytest.mark.parametrize(
    ("changes", "code", "measured"),
    [
        ({"faces": 3}, "several_faces", "3 faces"),
        ({"face_share": 0.12}, "face_small", "12%"),
        ({"eye_distance": 33.2}, "face_small", "33 pixels"),
        ({"pose": HeadPose(-27.4, 0, 0)}, "face_not_frontal", "-27"),
        ({"pose": HeadPose(0, 24.6, 0)}, "face_not_frontal", "+25"),
        ({"pose": HeadPose(0, 0, 40)}, "face_not_frontal", "+40"),
        ({"box": (-70.0, 300.0, 350.0, 400.0)}, "face_cut_off", "20%"),
        ({"box": (300.0, 640.0, 350.0, 400.0)}, "face_cut_off", "10%"),
        ({"lips": 0.9}, "mouth_covered", "no lips"),
        ({"light": 40.4}, "image_dark", "40 of 255"),
        ({"width": 240}, "image_low_resolution", "240 x 1000"),
    ],
)
def test_each_shortcoming_is_told_with_its_measure(changes, code, measured):
    if code == "image_low_resolution":
        changes = changes | {"box": (10.0, 10.0, 100.0, 100.0)}
    found = warned(**changes)
    assert set(found) == {code}
    assert measured in found[code]


@pytest.mark.parametrize("pose", [HeadPose(15, 0, 0), HeadPose(0, -15, 0), HeadPose(0, 0, 20)])
def test_small_turns_are_fine(pose):
    assert warned(pose=pose) == {}


def test_the_light_is_that_of_the_face():
    picture = np.full((100, 100, 3), 255, np.uint8)
    picture[20:60, 20:60] = 30
    assert face_light(picture, (20, 20, 39, 39)) == pytest.approx(30, abs=1)
    assert face_light(picture, (-10, -10, 29, 29)) == 255
    assert face_light(picture, (200, 200, 10, 10)) == 0
