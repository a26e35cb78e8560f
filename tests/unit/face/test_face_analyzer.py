import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from skimage import data

from spark_avatar.errors import FaceNotFound
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.face.canonical import canonical_face
from spark_avatar.face.landmarks import CHIN, FACE_OVAL, INNER_LIPS, LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from spark_avatar.face.lips_in_view import lips_in_view
from spark_avatar.face.mesh import FaceMesh
from spark_avatar.face.plausibility import LEAST_PLAUSIBILITY, plausibility

E = 60
"""Outer-eye-corner distance of the sample portrait, pixels."""


def codes(rig) -> set[str]:
    return {warning.code for warning in rig.warnings}


def largest_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm((found - expected)[:, :2], axis=1).max())


def face_mask(rig) -> np.ndarray:
    mask = np.zeros(rig.image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [rig.landmarks[list(FACE_OVAL), :2].astype(np.int32)], (1,))
    return mask.astype(bool)


def test_the_sample_portrait_is_measured(astronaut_rig):
    face = astronaut_rig.diagnostics
    assert face.faces == 1
    assert face.score > 0.8
    assert face.plausibility > 0.9
    assert 54 < astronaut_rig.eye_distance < 66
    assert face.eye_distance == pytest.approx(astronaut_rig.eye_distance, rel=0.1)
    assert abs(face.pose.yaw) < 8
    assert abs(face.pose.pitch) < 18
    assert 0 < face.pose.roll < 8  # she tilts her head a little
    assert 0.17 < face.face_share < 0.27
    assert face.mouth_gap > 0.03  # she smiles with open lips
    assert astronaut_rig.warnings == ()


def test_landmarks_lie_on_the_features_of_the_sample_portrait(astronaut_rig):
    points = astronaut_rig.landmarks
    # Read off an enlargement of the picture by eye: pupils, corners of the mouth, lips above and below the gap between the
    # middle teeth, lower edge of the chin.
    for point, place in (
        (RIGHT_EYE.iris[0], (203, 101)),
        (LEFT_EYE.iris[0], (245.5, 102.5)),
        (MOUTH_CORNERS[0], (201, 139)),
        (MOUTH_CORNERS[1], (246, 139)),
        (INNER_LIPS[0], (222.6, 143)),
        (INNER_LIPS[1], (222.6, 150)),
    ):
        assert points[point, :2] == pytest.approx(place, abs=2.5)
    assert points[CHIN, 1] == pytest.approx(178, abs=2.5)


def test_the_matte_holds_the_person_and_leaves_the_background(astronaut_rig):
    matte = astronaut_rig.matte
    assert matte.shape == (512, 512)
    assert matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1
    assert matte[face_mask(astronaut_rig)].mean() > 0.98
    assert matte[:100, :100].max() < 0.02
    assert matte[:100, -60:].max() < 0.02


def test_moving_the_picture_moves_the_landmarks(analyzer, astronaut, astronaut_rig):
    rig = analyzer.analyze(np.ascontiguousarray(astronaut[15:400, 37:440]))
    assert largest_error(rig.landmarks, astronaut_rig.landmarks - [37, 15, 0]) < 0.05 * E


def test_enlarging_the_picture_enlarges_the_landmarks(analyzer, astronaut, astronaut_rig):
    rig = analyzer.analyze(cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    expected = astronaut_rig.landmarks * 2 + [0.5, 0.5, 0]
    assert largest_error(rig.landmarks, expected) < 0.05 * 2 * E
    assert rig.eye_distance == pytest.approx(2 * astronaut_rig.eye_distance, rel=0.02)
    assert rig.matte.shape == (1024, 1024)


def test_mirroring_the_picture_mirrors_the_landmarks_and_the_pose(analyzer, astronaut, astronaut_rig):
    rig = analyzer.analyze(np.ascontiguousarray(astronaut[:, ::-1]))
    expected = astronaut_rig.landmarks[canonical_face().mirror] * [-1, 1, 1] + [511, 0, 0]
    assert largest_error(rig.landmarks, expected) < 0.06 * E
    # No common shift: the two agree on where the middle of a pixel is.
    assert np.abs((rig.landmarks - expected)[:, :2].mean(axis=0)).max() < 0.01 * E
    assert rig.pose.yaw == pytest.approx(-astronaut_rig.pose.yaw, abs=1)
    assert rig.pose.roll == pytest.approx(-astronaut_rig.pose.roll, abs=1)


@pytest.mark.parametrize("degrees", [-30, 25])
def test_turning_the_picture_turns_the_roll(analyzer, astronaut, astronaut_rig, degrees):
    # OpenCV's positive angles are counter-clockwise.
    turn = cv2.getRotationMatrix2D((225.0, 120.0), -degrees, 1)
    rig = analyzer.analyze(cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    assert rig.pose.roll == pytest.approx(astronaut_rig.pose.roll + degrees, abs=2)
    assert rig.pose.yaw == pytest.approx(astronaut_rig.pose.yaw, abs=3)


def test_the_fit_places_the_mean_face_on_the_landmarks(astronaut_rig):
    placed = astronaut_rig.eye_distance * canonical_face().mean @ astronaut_rig.rotation.T
    offset = astronaut_rig.landmarks - placed
    spread = np.linalg.norm((offset - offset.mean(axis=0))[:, :2], axis=1)
    assert np.median(spread) < 0.1 * E


def test_the_same_picture_gives_the_same_answer_whatever_came_before(analyzer, astronaut, astronaut_rig):
    analyzer.analyze(np.ascontiguousarray(astronaut[:, ::-1]))
    with pytest.raises(FaceNotFound):
        analyzer.analyze(data.coffee())
    again = analyzer.analyze(astronaut)
    np.testing.assert_array_equal(again.landmarks, astronaut_rig.landmarks)
    np.testing.assert_array_equal(again.matte, astronaut_rig.matte)
    assert again.diagnostics == astronaut_rig.diagnostics


def test_a_grey_picture_is_analysed(analyzer, astronaut, astronaut_rig):
    grey = cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert largest_error(analyzer.analyze(grey).landmarks, astronaut_rig.landmarks) < 0.1 * E


def chequers(side: int) -> np.ndarray:
    return np.dstack([((np.indices((512, 512)) // side).sum(axis=0) % 2 * 255).astype(np.uint8)] * 3)


def smiley() -> np.ndarray:
    image = np.full((512, 512, 3), 255, np.uint8)
    cv2.circle(image, (256, 256), 180, (255, 220, 60), -1)
    for x in (190, 322):
        cv2.circle(image, (x, 210), 22, (0, 0, 0), -1)
    cv2.ellipse(image, (256, 290), (90, 60), 0, 20, 160, (0, 0, 0), 10)
    return image


def noise(sigma: float) -> np.ndarray:
    image = np.random.default_rng(round(sigma)).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(image, (0, 0), sigma), None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((300, 400, 3), np.uint8),
        np.full((40, 900, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        chequers(8),
        chequers(64),
        smiley(),
        noise(0.5),
        noise(15),  # the detector sees a face in this one
        noise(21),  # and in this
        data.cat(),
        data.coffee(),
        data.rocket(),
        data.colorwheel(),  # and in this
    ],
    ids=[
        "black",
        "strip",
        "pixel",
        "chequers8",
        "chequers64",
        "smiley",
        "noise",
        "clouds",
        "clouds2",
        "cat",
        "coffee",
        "rocket",
        "wheel",
    ],
)
def test_what_is_not_a_person_is_refused(analyzer, image):
    with pytest.raises(FaceNotFound) as refused:
        analyzer.analyze(image)
    assert refused.value.code == "003016014"
    assert refused.value.facts["faces"] == 0
    assert "Use a" in refused.value.message


def test_a_face_upside_down_is_refused(analyzer, astronaut):
    with pytest.raises(FaceNotFound, match="upright"):
        analyzer.analyze(np.ascontiguousarray(astronaut[::-1, ::-1]))


def test_a_profile_is_refused_with_its_angle(analyzer):
    cameraman = np.ascontiguousarray(cv2.cvtColor(data.camera(), cv2.COLOR_GRAY2RGB))
    with pytest.raises(FaceNotFound, match=r"turned \d+ degrees to the right.*from the front") as refused:
        analyzer.analyze(cameraman)
    assert refused.value.facts["yaw"] > 40
    with pytest.raises(FaceNotFound, match="to the left"):
        analyzer.analyze(np.ascontiguousarray(cameraman[:, ::-1]))


def test_of_two_people_the_larger_is_taken(analyzer, astronaut):
    small = cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA)
    image = np.full((512, 812, 3), 235, np.uint8)
    image[:, 300:] = astronaut
    image[212:, :300] = small
    rig = analyzer.analyze(image)
    assert rig.diagnostics.faces == 2
    assert "several_faces" in codes(rig)
    assert rig.landmarks[NOSE_TIP, 0] > 300
    assert rig.matte[250:, :250].max() < 0.5  # the other one is background
    mirrored = analyzer.analyze(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.landmarks[NOSE_TIP, 0] < 512


def test_a_small_face_is_told_of_with_its_size(analyzer, astronaut):
    image = np.full((700, 700, 3), 220, np.uint8)
    image[444:, 200:456] = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    rig = analyzer.analyze(image)
    (warning,) = [warning for warning in rig.warnings if warning.code == "face_small"]
    assert "30 pixels" in warning.message or "31 pixels" in warning.message
    assert f"{rig.diagnostics.face_share:.0%}" in warning.message


def test_a_face_cut_off_by_the_edge_is_told_of(analyzer, astronaut):
    rig = analyzer.analyze(np.ascontiguousarray(astronaut[95:, :]))
    assert "face_cut_off" in codes(rig)


def test_a_tiny_picture_is_told_of(analyzer, astronaut):
    rig = analyzer.analyze(np.ascontiguousarray(astronaut[20:260, 110:340]))
    assert codes(rig) == {"image_low_resolution"}


def test_a_very_large_picture_is_analysed(analyzer, astronaut):
    rig = analyzer.analyze(astronaut.repeat(8, axis=0).repeat(8, axis=1))
    assert rig.matte.shape == (4096, 4096)
    assert rig.eye_distance == pytest.approx(8 * E, rel=0.05)


def test_it_loads_again_after_being_closed(astronaut, astronaut_rig):
    analyzer = FaceAnalyzer()
    analyzer.close()
    first = analyzer.analyze(astronaut)
    analyzer.close()
    np.testing.assert_array_equal(first.landmarks, astronaut_rig.landmarks)


def test_others_in_the_process_get_all_of_mediapipe():
    """We leave most of it out of our import; what another program asks for is there, and is the real thing."""
    program = (
        "from spark_avatar.face.mediapipe_models import SelfieNetwork\n"
        "SelfieNetwork().close()\n"
        "import mediapipe as mp\n"
        "landmarker = mp.tasks.vision.FaceLandmarker\n"
        "from mediapipe.tasks.python import vision\n"
        "assert vision.FaceLandmarker is landmarker\n"
        "mp.solutions.holistic.Holistic(static_image_mode=True).close()\n"
        "assert not hasattr(mp, 'nonsense') and not hasattr(mp.solutions, 'nonsense')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_analysis_is_silent_and_needs_no_matplotlib():
    """In a fresh process: native libraries write around Python's streams."""
    program = (
        "import sys\n"
        "from skimage import data\n"
        "from spark_avatar.face.analyzer import FaceAnalyzer\n"
        "analyzer = FaceAnalyzer()\n"
        "assert 'mediapipe' not in sys.modules\n"
        "analyzer.analyze(data.astronaut())\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import mediapipe\n"
        "assert 'mediapipe.python.solutions.drawing_utils' not in sys.modules\n"
        "assert 'mediapipe.tasks' not in sys.modules\n"
        "analyzer.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONWARNINGS": ""}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""


def test_looks_that_agree_closely_are_of_people():
    """The person detector hardly knows grey pictures; animals have a spread of 0.022 and more."""
    points = np.zeros((478, 3))
    assert plausibility(FaceMesh(points, 1.0, 0.017), 0.78, 0.29) == LEAST_PLAUSIBILITY
    for presence, spread, score in ((1.0, 0.022, 0.85), (1.0, 0.017, 0.6), (0.9, 0.017, 0.85)):
        assert plausibility(FaceMesh(points, presence, spread), score, 0.29) < LEAST_PLAUSIBILITY


def test_a_covered_mouth_is_told(analyzer, astronaut_rig):
    assert "mouth_covered" not in codes(astronaut_rig)
    picture = astronaut_rig.image.copy()
    mouth = astronaut_rig.landmarks[list(MOUTH_CORNERS), :2].mean(axis=0)
    centre = (int(mouth[0]), int(mouth[1] + 0.15 * E))
    cv2.ellipse(picture, centre, (int(0.6 * E), int(0.42 * E)), 0, 0, 360, (90, 130, 190), -1)
    assert "mouth_covered" in codes(analyzer.analyze(picture))


@pytest.mark.parametrize("corner", [(-40, 0), (500, 500), (0, 505)])
def test_lips_beyond_the_picture_are_not_looked_for_there(astronaut_rig, corner):
    moved = astronaut_rig.landmarks + np.array([*corner, 0])
    assert np.isfinite(lips_in_view(astronaut_rig.image, moved, E))
