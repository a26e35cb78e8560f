"""From blendshapes to the rig's terms."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_avatar.animation.blendshapes import (
    BLENDSHAPES,
    CORNER_DROP,
    CORNER_PULL,
    JAW_OPEN_DROP,
    JAW_TAKES_CORNERS,
    LIP_PUFF,
    LIP_ROLL,
    LOWER_LIP_DROP,
    MOUTH_PURSE,
    MOUTH_SPREAD,
    PURSE_LOWERS_LIP,
    UPPER_LIP_RAISE,
)
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.controls import CLOSING_LIFTS_JAW, MouthLimits, limited, mouth_controls, poses
from spark_avatar.engines.portrait.lip_space import CONTROLS, MouthControls, lip_space

FREE = MouthLimits(gain=1.0, smile=0.0, upper_thickness=0.1, lower_thickness=0.14, width=0.56)


def track_of(frames=1, rotation=(0, 0, 0), **shapes):
    """A track that holds some blendshapes; a name without a side sets both."""
    values = np.zeros((frames, 52), np.float32)
    for name, value in shapes.items():
        for full in [name] if name in BLENDSHAPES else [name + "Left", name + "Right"]:
            values[:, BLENDSHAPES.index(full)] = value
    still = np.zeros((frames, 3), np.float32)
    return AnimationTrack(Fraction(25), values, still + np.float32(rotation), still, np.zeros(frames, np.float32))


def controls_of(**shapes):
    return dict(zip(CONTROLS, mouth_controls(track_of(**shapes))[0], strict=True))


def test_rest_is_rest():
    (pose,) = poses(track_of())
    assert pose.mouth == MouthControls()
    assert (pose.blink_right, pose.blink_left, pose.gaze_x, pose.gaze_y, pose.brow, pose.tongue) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("shape", "motion"),
    [("eyeWide", "lid_raise"), ("cheekSquint", "cheek_raise"), ("cheekPuff", "cheek_puff"), ("noseSneer", "nose_wrinkle")],
)
def test_shapes_of_the_skin_move_it(shape, motion):
    (pose,) = poses(track_of(**{shape: 0.5}))
    assert getattr(pose, motion) == 0.5
    (most,) = poses(track_of(**{shape: 1.5}))
    assert getattr(most, motion) == 1


@pytest.mark.parametrize(
    ("shapes", "control", "value"),
    [
        ({"jawOpen": 0.5}, "jaw", JAW_OPEN_DROP / 2),
        ({"jawOpen": 0.5}, "open", JAW_OPEN_DROP / 2),
        ({"mouthUpperUp": 0.5}, "upper_raise", UPPER_LIP_RAISE / 2),
        ({"mouthLowerDown": 0.5}, "lower_drop", LOWER_LIP_DROP / 2),
        ({"mouthStretch": 0.6}, "width", 0.6 * MOUTH_SPREAD),
        ({"mouthPucker": 0.6}, "width", -0.6 * MOUTH_PURSE),
        ({"mouthFunnel": 0.6}, "width", -0.6 * MOUTH_PURSE),
        ({"mouthPucker": 0.6, "mouthFunnel": 0.9}, "width", -MOUTH_PURSE),
        ({"jawOpen": 0.5}, "corner", -JAW_TAKES_CORNERS * JAW_OPEN_DROP / 2),
        ({"jawOpen": 0.5, "mouthClose": 1.0}, "corner", -JAW_TAKES_CORNERS * JAW_OPEN_DROP / 2 * (1 - CLOSING_LIFTS_JAW)),
        ({"mouthPucker": 0.5}, "upper_raise", -0.5 * PURSE_LOWERS_LIP),
        ({"mouthSmile": 0.5}, "corner", 0.5 * CORNER_PULL),
        ({"mouthFrown": 0.5}, "corner", -0.5 * CORNER_DROP),
        ({"mouthRollLower": 0.5}, "lower_thickness", -0.5 * LIP_ROLL),
        ({"mouthRollLower": 0.5}, "upper_thickness", 0.0),
        ({"mouthPress": 0.5}, "upper_thickness", -0.5 * LIP_ROLL),
        ({"mouthFunnel": 0.5}, "upper_thickness", 0.5 * LIP_PUFF),
    ],
)
def test_each_shape_does_what_its_constant_says(shapes, control, value):
    assert controls_of(**shapes)[control] == pytest.approx(value, abs=1e-6)


SHARES = st.floats(0, 1, width=32)


@settings(max_examples=60)
@given(values=st.lists(SHARES, min_size=10, max_size=10))
def test_controls_are_those_of_a_real_mouth(values):
    names = ["jawOpen", "mouthClose", "mouthUpperUp", "mouthLowerDown", "mouthPucker", "mouthFunnel", "mouthRollLower",
             "mouthRollUpper", "mouthPress", "mouthStretch"]  # fmt: skip
    shapes = dict(zip(names, values, strict=True))
    track = track_of(**shapes)
    c = controls_of(**shapes)
    outer = c["jaw"] + c["lower_drop"] + c["upper_raise"]
    assert c["open"] == pytest.approx(outer - c["upper_thickness"] - c["lower_thickness"], abs=1e-6)
    assert c["open"] == pytest.approx(float(track.mouth_open[0]), abs=1e-6)
    assert c["open"] >= 0


def test_closing_lips_leaves_some_of_the_jaw_down():
    c = controls_of(jawOpen=0.4, mouthLowerDown=0.2, mouthClose=1.0)
    assert c["open"] == 0
    assert 0 < c["jaw"] < 0.4 * JAW_OPEN_DROP
    assert c["lower_drop"] == pytest.approx(-c["jaw"], abs=1e-6)


def test_gaze_is_in_the_pictures_directions():
    # The subject's left is the picture's right: the left eye looks outwards, the right eye inwards.
    (pose,) = poses(track_of(eyeLookOutLeft=1.0, eyeLookInRight=1.0))
    assert pose.gaze_x > 0.2
    assert pose.gaze_y == 0
    (pose,) = poses(track_of(eyeLookDown=1.0))
    assert pose.gaze_y > 0.1
    (pose,) = poses(track_of(eyeLookUp=1.0))
    assert pose.gaze_y < -0.1


def test_blinks_stay_on_their_side():
    (pose,) = poses(track_of(eyeBlinkLeft=0.7))
    assert pose.blink_left == pytest.approx(0.7)
    assert pose.blink_right == 0


def test_every_frame_of_a_track_becomes_a_pose():
    track = track_of(5, rotation=(1, 2, 3))
    assert [list(pose.rotation) for pose in poses(track)] == [[1, 2, 3]] * 5


@given(opening=st.floats(0, 0.24))
def test_limits_leave_ordinary_speech_alone(opening):
    mouth = MouthControls(jaw=0.55 * opening, open=opening, lower_drop=0.3 * opening, upper_raise=0.15 * opening)
    assert limited(mouth, FREE) == mouth


@given(opening=st.floats(0.0, 1.0), more=st.floats(0.001, 0.2))
def test_limits_level_off_without_turning_back(opening, more):
    narrow = MouthLimits(gain=0.6, smile=0.0, upper_thickness=0.1, lower_thickness=0.1, width=0.56)
    here, further = (limited(MouthControls(open=o, jaw=o), narrow) for o in (opening, opening + more))
    assert here.open <= further.open <= 0.36 * 0.6 + 1e-9
    assert here.jaw <= further.jaw <= 0.22 * 0.6 + 1e-9


def test_a_smile_in_the_portrait_is_not_widened_but_may_be_narrowed():
    smiling = MouthLimits(gain=1.0, smile=1.0, upper_thickness=0.1, lower_thickness=0.1, width=0.56)
    assert limited(MouthControls(width=0.1, corner=0.1), smiling).width < 0.03
    assert limited(MouthControls(width=-0.1), smiling).width == -0.1


@given(width=st.floats(0.38, 0.76), purse=st.floats(0.0, 0.3), more=st.floats(0.001, 0.1))
def test_a_pursed_mouth_keeps_most_of_its_width_however_narrow_it_is(width, purse, more):
    limits = MouthLimits(gain=1.0, smile=0.0, upper_thickness=0.1, lower_thickness=0.14, width=width)
    here, further = (limited(MouthControls(width=-p), limits).width for p in (purse, purse + more))
    assert further <= here
    assert width + further >= 0.72 * width - 1e-6
    assert here == pytest.approx(-purse) or purse > 0.18 * width


def test_thin_lips_cannot_roll_in_further_than_they_are_high():
    thin = MouthLimits(gain=1.0, smile=0.0, upper_thickness=0.04, lower_thickness=0.05, width=0.56)
    assert limited(MouthControls(upper_thickness=-0.05), thin).upper_thickness == pytest.approx(-0.018)


def test_full_blendshapes_stay_within_the_measured_range():
    space = lip_space()
    assert space.basis.shape == (8, 468, 3)
    low, high = space.percentiles[0], space.percentiles[-1]
    for shapes in (
        {"mouthStretch": 1.0},
        {"mouthPucker": 1.0},
        {"mouthSmile": 1.0},
        {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
    ):
        values = mouth_controls(track_of(**shapes))[0]
        for name in ("width", "corner", "upper_thickness", "lower_thickness"):
            i = CONTROLS.index(name)
            assert 1.55 * low[i] <= values[i] <= 1.1 * high[i], name
