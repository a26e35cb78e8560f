"""One-sided, sideways, pushed-forward and tucked mouths."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import MouthLimits, mouth_controls, mouth_shaping, poses, shaped
from spark_avatar.engines.portrait.lip_space import CONTROLS, lip_space
from spark_avatar.engines.portrait.mouth_shaping import SHAPINGS, MouthShaping, shaping_displacements
from spark_avatar.engines.portrait.portrait_rig import build_rig
from spark_avatar.face.landmarks import CHIN, INNER_LIPS, LOWER_INNER, MOUTH_CORNERS, UPPER_INNER

RIGHT, LEFT = MOUTH_CORNERS
FREE = MouthLimits(gain=1.0, smile=0.0, upper_thickness=0.1, lower_thickness=0.14, width=0.56)


def track_of(**shapes):
    values = np.zeros((1, 52), np.float32)
    for name, value in shapes.items():
        for full in [name] if name in BLENDSHAPES else [name + "Left", name + "Right"]:
            values[:, BLENDSHAPES.index(full)] = value
    still = np.zeros((1, 3), np.float32)
    return AnimationTrack(Fraction(25), values, still, still, np.zeros(1, np.float32))


def pose_of(**shapes):
    (pose,) = poses(track_of(**shapes))
    return pose


def moved(**shapes):
    """(468, 3): displacement of the mean face's points, E."""
    track = track_of(**shapes)
    symmetric = np.einsum("k,kvi->vi", mouth_controls(track)[0], lip_space().basis)
    return symmetric + np.einsum("k,kvi->vi", mouth_shaping(track)[0], shaping_displacements())


def test_both_sides_alike_add_nothing_sided():
    for name in ("mouthSmile", "mouthFrown", "mouthStretch", "mouthUpperUp", "mouthLowerDown"):
        shaping = dict(zip(SHAPINGS, mouth_shaping(track_of(**{name: 0.7}))[0], strict=True))
        assert max(abs(value) for side, value in shaping.items() if side.endswith("_side")) < 1e-6, name


@pytest.mark.parametrize("shape", ["mouthSmile", "mouthFrown", "mouthStretch"])
def test_one_side_moves_its_corner_and_leaves_the_other(shape):
    both, left = moved(**{shape: 0.8}), moved(**{shape + "Left": 0.8})
    np.testing.assert_allclose(left[LEFT], both[LEFT], atol=0.006)
    assert np.linalg.norm(left[RIGHT]) < 0.15 * np.linalg.norm(left[LEFT])
    right = moved(**{shape + "Right": 0.8})
    np.testing.assert_allclose(right[RIGHT], left[LEFT] * [-1, 1, 1], atol=0.008)


def test_sides_add_up_to_both():
    np.testing.assert_allclose(moved(mouthSmileLeft=0.5) + moved(mouthSmileRight=0.5), moved(mouthSmile=0.5), atol=1e-6)


def test_lips_and_jaw_go_sideways_to_the_side_that_is_named():
    lips, jaw = moved(mouthLeft=1.0), moved(jawLeft=1.0)
    assert lips[list(INNER_LIPS), 0].min() > 0.08  # the subject's left is the picture's right
    assert abs(lips[CHIN, 0]) < 0.06
    assert jaw[CHIN, 0] > 0.08
    assert 0.01 < jaw[INNER_LIPS[1], 0] < jaw[CHIN, 0]
    assert abs(jaw[INNER_LIPS[0], 0]) < 0.01
    assert np.abs(jaw[[10, 168, 33, 263]]).max() < 0.002
    np.testing.assert_allclose(moved(mouthRight=1.0), -lips, atol=1e-6)


def test_puckered_lips_come_nearer():
    assert moved(mouthPucker=1.0)[list(INNER_LIPS), 2].max() < moved()[list(INNER_LIPS), 2].max() - 0.05


def test_f_and_v_uncover_the_upper_teeth_without_a_gap_to_look_through():
    tucked = moved(mouthRollLower=1.0)
    assert -0.06 < tucked[INNER_LIPS[0], 1] < -0.02  # the upper lip rises
    assert abs(tucked[INNER_LIPS[1], 1]) < 0.03  # the lower lip stays at the teeth's edge
    assert tucked[INNER_LIPS[1], 2] > 0.02  # and behind it
    assert mouth_shaping(track_of(mouthRollLower=0.6, mouthPress=0.6))[0][SHAPINGS.index("tuck")] == 0  # pressed lips are not


def test_only_closed_lips_are_pressed():
    assert pose_of(mouthPress=0.8, mouthClose=1.0, jawOpen=0.3).press == pytest.approx(0.8)
    assert pose_of(mouthPress=0.8, jawOpen=0.5).press == 0


@given(value=st.floats(-0.5, 0.5), more=st.floats(0.0, 0.3))
def test_side_limits_level_off(value, more):
    here, further = (shaped(MouthShaping(corner_side=v, shift=v), FREE) for v in (value, value + more))
    assert here.corner_side <= further.corner_side <= 0.06 + 1e-6
    assert abs(here.shift) <= min(abs(value) + 1e-6, 0.1 + 1e-6)


def test_a_smile_in_the_portrait_is_not_pulled_further_to_one_side():
    smiling = MouthLimits(gain=1.0, smile=1.0, upper_thickness=0.1, lower_thickness=0.1, width=0.56)
    assert shaped(MouthShaping(corner_side=0.03), smiling).corner_side < 0.01


def gaps(**shapes):
    """Gap of the inner lips from the right corner to the left one, as a share of that in the middle."""
    here = moved(**shapes)[:, 1]
    found = np.array([here[lower] - here[upper] for upper, lower in zip(UPPER_INNER, LOWER_INNER, strict=True)])
    return found / found[len(found) // 2]


def test_lips_that_hardly_open_stay_together_beside_the_middle():
    narrow, half, wide = (gaps(jawOpen=jaw, mouthLowerDown=jaw) for jaw in (0.12, 0.3, 0.8))
    beside, next_to_corners = [3, 7], [1, 9]
    assert (narrow[[2, 8]] < 0.1).all()
    assert (narrow[next_to_corners] < 0.1).all()
    assert (narrow[beside] < 0.8 * wide[beside]).all()
    assert (half[beside] > 0.9 * wide[beside]).all()
    assert (half[next_to_corners] < wide[next_to_corners]).all()
    assert (wide[next_to_corners] > 0.25).all()


def test_spread_lips_open_to_the_corners():
    together, spread = (gaps(jawOpen=0.12, mouthLowerDown=0.12, mouthStretch=stretch) for stretch in (0.0, 1.0))
    assert (spread[[1, 2, 8, 9]] > together[[1, 2, 8, 9]] + 0.2).all()


def test_the_seals_leave_the_middle_and_the_corners_alone():
    seals = shaping_displacements()[[SHAPINGS.index("seal_sides"), SHAPINGS.index("seal_corners")]]
    assert np.abs(seals[:, [13, 14, *MOUTH_CORNERS]]).max() < 1e-6


def test_a_portrait_that_smiles_has_its_corners_apart():
    smiling = MouthLimits(gain=1.0, smile=1.0, upper_thickness=0.1, lower_thickness=0.1, width=0.56)
    asked = MouthShaping(seal_sides=0.04, seal_corners=0.04)
    assert shaped(asked, FREE) == asked
    assert shaped(asked, smiling) == MouthShaping()


def test_frame_shows_the_side_that_was_asked_for(analyzer, painted_face):
    rig = build_rig(painted_face, (512, 512))
    compositor = Compositor(rig)
    still, smiling = compositor.frame(pose_of()), compositor.frame(pose_of(mouthSmileLeft=1.0))
    changed = np.abs(smiling.astype(int) - still).max(axis=2)
    x0, y0, *_ = rig.canvas.window
    sides = []
    for corner in MOUTH_CORNERS:
        x, y = (rig.canvas.points[corner, :2] + [x0, y0]).astype(int)
        sides.append(changed[y - 20 : y + 20, x - 15 : x + 15].mean())
    assert sides[1] > 4 * sides[0]


def test_relief_lights_the_lower_lip_and_leaves_the_rest(painted_face):
    rig = build_rig(painted_face, (512, 512))
    flat = np.full((*rig.canvas.size[::-1], 3), 100, np.uint8)
    x, y = np.meshgrid(np.arange(flat.shape[1], dtype=np.float32), np.arange(flat.shape[0], dtype=np.float32))
    at_rest = np.dstack([2 * x + 0.5, 2 * y + 0.5])

    def shaded(protrusion, press):
        picture = flat.copy()
        rig.relief.shade(picture, at_rest, protrusion, press)
        return picture.astype(int)

    def at(picture, point, below=0.0):
        column, row = (rig.canvas.points[point, :2] + rig.mouth.down * below * rig.canvas.eye_distance).astype(int)
        return picture[row, column].mean()

    assert (shaded(0, 0) == 100).all()
    forward, pressed = shaded(1, 0), shaded(0, 1)
    assert at(forward, 15) > 105  # the lower lip catches the light
    assert at(forward, 17, below=0.02) < 97  # and shades what is below it
    assert at(pressed, 13) < 90  # a sharper line between pressed lips
    away = np.hypot(x - rig.mouth.centre[0], y - rig.mouth.centre[1]) > 0.6 * rig.canvas.eye_distance
    assert (forward[away] == 100).all()
    assert (pressed[away] == 100).all()


ASKED = {"mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthStretchRight", "mouthLeft", "jawRight", "jawOpen",
         "mouthPucker", "mouthFunnel", "mouthRollLower", "mouthPressLeft", "mouthUpperUpLeft", "mouthLowerDownRight"}  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({name: st.floats(0, 1.5) for name in sorted(ASKED)}))
def test_any_mixture_at_half_as_much_again_changes_smoothly(compositor, values):
    here = compositor.frame(pose_of(**values))
    there = compositor.frame(pose_of(**{name: value + 0.004 for name, value in values.items()}))
    change = np.abs(there.astype(int) - here)
    assert change.mean() < 0.25
    assert (change.max(axis=2) > 60).mean() < 0.002


def test_names_stand_in_the_order_of_the_vector():
    assert MouthShaping(shift=1.0).vector()[SHAPINGS.index("shift")] == 1
    assert len(SHAPINGS) == len(shaping_displacements()) == 10
    assert len(CONTROLS) == len(lip_space().basis)
