import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.face.canonical import canonical_face, euler_angles, fit_canonical, rotation_matrix, umeyama
from spark_avatar.face.landmarks import (
    CHIN,
    FOREHEAD_TOP,
    LEFT_EYE,
    MOUTH_CORNERS,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    RIGHT_EYE,
    STABLE,
)
from spark_avatar.face.rig import HeadPose

angle = st.floats(-80, 80)


def turned(**angles: float) -> np.ndarray:
    pose = HeadPose(**({"yaw": 0.0, "pitch": 0.0, "roll": 0.0} | angles))
    return canonical_face().mean @ rotation_matrix(pose).T


def test_the_mean_face_has_its_unit_and_orientation():
    mean = canonical_face().mean
    right, left = (mean[corner] for corner in OUTER_EYE_CORNERS)
    assert np.linalg.norm(left - right) == pytest.approx(1, abs=0.01)
    assert right[0] < 0 < left[0]
    assert mean[FOREHEAD_TOP, 1] < right[1] < mean[NOSE_TIP, 1] < mean[MOUTH_CORNERS[0], 1] < mean[CHIN, 1]
    assert mean[NOSE_TIP, 2] < mean[:, 2].mean()


def test_the_mirror_map_is_its_own_inverse_and_fits_the_mean():
    face = canonical_face()
    assert (face.mirror[face.mirror] == np.arange(478)).all()
    assert tuple(face.mirror[list(OUTER_EYE_CORNERS)]) == OUTER_EYE_CORNERS[::-1]
    assert tuple(face.mirror[list(MOUTH_CORNERS)]) == MOUTH_CORNERS[::-1]
    assert [int(face.mirror[point]) for point in RIGHT_EYE.upper] == list(LEFT_EYE.upper[::-1])
    np.testing.assert_allclose(face.mean[face.mirror] * [-1, 1, 1], face.mean, atol=0.02)


def test_positive_yaw_takes_the_nose_to_the_right_of_the_picture():
    assert turned(yaw=30)[NOSE_TIP, 0] > turned()[NOSE_TIP, 0] + 0.1


def test_positive_pitch_tips_the_face_down():
    # The nose comes down relative to the eye corners, which lie further back.
    def nose_below_eyes(points: np.ndarray) -> float:
        return points[NOSE_TIP, 1] - points[list(OUTER_EYE_CORNERS), 1].mean()

    assert nose_below_eyes(turned(pitch=20)) > nose_below_eyes(turned()) + 0.1


def test_positive_roll_is_clockwise_in_the_picture():
    points = turned(roll=20)
    right, left = (points[corner] for corner in OUTER_EYE_CORNERS)
    assert left[1] > right[1]
    assert points[CHIN, 0] < points[FOREHEAD_TOP, 0]


@given(yaw=angle, pitch=angle, roll=st.floats(-179, 179))
def test_angles_survive_the_way_to_a_matrix_and_back(yaw, pitch, roll):
    rotation = rotation_matrix(HeadPose(yaw, pitch, roll))
    assert np.linalg.det(rotation) == pytest.approx(1)
    back = euler_angles(rotation)
    assert (back.yaw, back.pitch, back.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)


@given(yaw=angle, pitch=angle, roll=angle, scale=st.floats(1, 500), x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3))
def test_fitting_finds_a_placed_mean_face(yaw, pitch, roll, scale, x, y):
    pose = HeadPose(yaw, pitch, roll)
    landmarks = scale * canonical_face().mean @ rotation_matrix(pose).T + [x, y, 0]
    fit = fit_canonical(landmarks)
    assert fit.scale == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(fit.rotation, rotation_matrix(pose), atol=1e-6)
    np.testing.assert_allclose(fit.translation, [x, y, 0], atol=1e-5 * scale)
    np.testing.assert_allclose(fit.apply(canonical_face().mean), landmarks, atol=1e-5 * scale)
    np.testing.assert_allclose(fit.undo(landmarks), canonical_face().mean, atol=1e-5)


def test_umeyama_never_mirrors():
    source = canonical_face().mean[list(STABLE)]
    fit = umeyama(source, source * [-1, 1, 1])
    assert np.linalg.det(fit.rotation) == pytest.approx(1)


def test_speaking_leaves_the_fit_alone():
    landmarks = 100 * canonical_face().mean
    speaking = landmarks.copy()
    speaking[[CHIN, 14, 17, *MOUTH_CORNERS]] += [0, 20, 0]
    assert fit_canonical(speaking).scale == pytest.approx(fit_canonical(landmarks).scale)
