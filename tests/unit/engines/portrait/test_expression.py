"""Displacement fields of one portrait."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import limited
from spark_avatar.engines.portrait.expression import EXPRESSION, RAISED, RAISED_CORNERS, _around_lips
from spark_avatar.engines.portrait.lip_space import MouthControls
from spark_avatar.engines.portrait.warp import determinant


def coefficients(**values):
    return np.array([values.get(name, 0.0) for name in EXPRESSION], dtype=np.float32)


def field(basis, weights):
    return np.ascontiguousarray(np.tensordot(weights, basis[:, :2], 1).transpose(1, 2, 0))


@settings(max_examples=25, deadline=None)
@given(jaw=st.floats(0, 0.25), lower=st.floats(-0.02, 0.12), upper=st.floats(0, 0.08), width=st.floats(-0.14, 0.1))
def test_skin_below_the_lips_never_folds(rig, pose, jaw, lower, upper, width):
    mouth = MouthControls(jaw=jaw, open=jaw + lower + upper, lower_drop=lower, upper_raise=upper, width=width)
    weights = Compositor(rig)._coefficients(limited(mouth, rig.limits), pose())
    below = rig.below_lips / rig.canvas.eye_distance
    area = determinant(field(rig.expression.lower, weights), rig.lip_lattice.step)
    assert area[(below > 0) & (below < 0.35)].min() > 0


def test_gain_is_one_of_a_plain_frontal_face(rig):
    assert 0.5 < rig.expression.gain <= 1.0


def test_expression_ends_before_the_edge_of_its_lattice(rig):
    for side in (np.s_[..., 0, :], np.s_[..., -1, :], np.s_[..., :, 0], np.s_[..., :, -1]):
        assert (rig.expression.upper[side] == 0).all()


def test_opening_lowers_the_lower_layer_and_leaves_the_upper_lip(rig):
    x, y = rig.lip_lattice.nodes()
    middle = rig.mouth.snapped[[13, 14]].mean(axis=0)
    opening = coefficients(open=0.2, jaw=0.12, lower_drop=0.08)
    lower = field(rig.expression.lower, opening)
    near = np.hypot(x - middle[0], y - middle[1]) < 0.06 * rig.canvas.eye_distance
    assert (lower[near] @ rig.mouth.down > 0.12 * rig.canvas.eye_distance).all()
    x, y = rig.face_lattice.nodes()
    upper_lip = rig.mouth.snapped[0]
    near = np.hypot(x - upper_lip[0], y - upper_lip[1]) < 0.05 * rig.canvas.eye_distance
    assert (np.abs(field(rig.expression.upper, opening)[near]) < 0.03 * rig.canvas.eye_distance).all()


@pytest.mark.parametrize(("name", "landmark"), [("brow", 105), ("brow", 334), ("brow_inner", 55), ("brow_inner", 285)])
def test_brows_go_up(rig, name, landmark):
    x, y = rig.face_lattice.nodes()
    brow, eye = rig.canvas.points[landmark], rig.canvas.points[159 if landmark < 150 else 386]
    moved = field(rig.expression.upper, coefficients(**{name: 1.0}))

    def rise(point):
        nearest = np.hypot(x - point[0], y - point[1]).argmin()
        return -(moved.reshape(-1, 2)[nearest] @ rig.mouth.down) / rig.canvas.eye_distance

    assert 0.02 < rise(brow) < 0.09
    assert rise(eye) < 0.5 * rise(brow)


def test_response_of_the_gap_is_that_of_the_points(rig):
    # The numbers that set the lips' gap: opening by `open` alone gives most of what it says, width none of it.
    gap = dict(zip(EXPRESSION, rig.expression.gap, strict=True))
    assert 0.6 < gap["open"] < 1.1
    assert abs(gap["width"]) < 0.1
    assert gap["close"] == pytest.approx(-rig.mouth.gap, abs=0.02)


@pytest.mark.parametrize(
    ("name", "landmarks", "across", "up"),
    [
        ("lid_raise", (159, 386), 0, 1),
        ("cheek_raise", (50, 280), 0, 1),
        ("cheek_puff", (205, 425), 1, 0),
        ("nose_wrinkle", (129, 358), 0, 1),
    ],
)
def test_lids_cheeks_and_nose_move_alike_on_both_sides_and_leave_the_lips(rig, name, landmarks, across, up):
    x, y = rig.face_lattice.nodes()
    moved = field(rig.expression.upper, coefficients(**{name: 1.0})) / rig.canvas.eye_distance

    def motion(landmark):
        """To the picture's right and up, E."""
        place = rig.canvas.points[landmark]
        nearest = np.unravel_index(np.argmin(np.hypot(x - place[0], y - place[1])), x.shape)
        return np.array([moved[nearest] @ rig.mouth.across, -moved[nearest] @ rig.mouth.down])

    for landmark, side in zip(landmarks, (-1, 1), strict=True):
        along = motion(landmark) @ np.array([side * across, up])
        assert 0.012 < along < 0.06
        assert np.linalg.norm(motion(landmark)) < 1.3 * along
    assert max(np.linalg.norm(motion(lip)) for lip in (13, 14)) < 0.006


@pytest.mark.parametrize("corner", RAISED_CORNERS)
def test_a_raised_upper_lip_does_not_fold_the_skin_above_it(rig, corner):
    raised = coefficients(**RAISED, corner=corner, close=1.0)
    area = determinant(field(rig.expression.upper, raised), rig.face_lattice.step)
    around = _around_lips(rig.mouth, rig.face_lattice, rig.canvas.eye_distance)
    assert around.sum() > 100
    assert area[around].min() > 0
