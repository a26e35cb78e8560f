"""Blendshapes of measured lips: what the engine makes of them is what was measured."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_avatar.animation.blendshapes import BLENDSHAPES, JAW_TAKES_CORNERS
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.capture.mouth_shapes import MouthMotion, mouth_blendshapes
from spark_avatar.engines.portrait.controls import mouth_controls
from spark_avatar.engines.portrait.lip_space import CONTROLS


def controls_of(**lengths):
    names = MouthMotion.__dataclass_fields__
    motion = MouthMotion(**{name: np.array([lengths.get(name, 0.0)], np.float32) for name in names})
    shapes = np.zeros((1, 52), np.float32)
    for name, value in mouth_blendshapes(motion).items():
        shapes[:, BLENDSHAPES.index(name)] = value
    assert shapes.min() >= 0
    assert shapes.max() <= 1
    still = np.zeros((1, 3), np.float32)
    track = AnimationTrack(Fraction(25), shapes, still, still, np.zeros(1, np.float32))
    return dict(zip(CONTROLS, mouth_controls(track)[0].astype(float), strict=True))


@settings(max_examples=100, deadline=None)
@given(
    jaw=st.floats(0, 0.08),
    gap=st.floats(0, 0.2),
    raised=st.floats(0, 0.06),
    width=st.floats(-0.1, 0.1),
    corner=st.floats(-0.08, 0.08),
)
def test_the_engine_does_what_was_measured(jaw, gap, raised, width, corner):
    corner -= JAW_TAKES_CORNERS * jaw
    found = controls_of(jaw=jaw, open=gap, upper_raise=raised, width=width, corner_right=corner, corner_left=corner)
    np.testing.assert_allclose(found["open"], gap, atol=2e-3)
    np.testing.assert_allclose(found["width"], width, atol=1e-3)
    np.testing.assert_allclose(found["corner"], corner, atol=1e-3)
    if gap > 0.002:
        np.testing.assert_allclose(found["jaw"], jaw, atol=2e-3)


def test_corners_that_go_down_with_the_jaw_do_not_frown():
    motion = {name: np.zeros(1, np.float32) for name in MouthMotion.__dataclass_fields__}
    lowered = np.float32([-JAW_TAKES_CORNERS * 0.1])
    jaw, opening = np.float32([0.1]), np.float32([0.2])
    shapes = mouth_blendshapes(
        MouthMotion(**motion | {"jaw": jaw, "open": opening, "corner_right": lowered, "corner_left": lowered})
    )
    assert shapes["mouthFrownLeft"] + shapes["mouthFrownRight"] + shapes["mouthSmileLeft"] < 1e-6


def test_closed_lips_with_a_dropped_jaw_stay_closed():
    found = controls_of(jaw=0.06, open=0.0)
    assert abs(found["open"]) < 1e-6
    np.testing.assert_allclose(found["jaw"], 0.06, atol=1e-3)


def test_thin_lips_are_rolled_in():
    found = controls_of(upper_thickness=-0.03, lower_thickness=-0.02)
    np.testing.assert_allclose(found["upper_thickness"], -0.03, atol=1e-3)
    np.testing.assert_allclose(found["lower_thickness"], -0.02, atol=1e-3)
    assert abs(found["open"]) < 1e-6


def test_a_jaw_that_hardly_moves_closes_no_lips():
    """The chin of a still face is read to about 0.001 E: what lies between it and the gap is noise."""
    rng = np.random.default_rng(0)
    noise = {name: np.abs(rng.normal(0, 1e-3, 200)).astype(np.float32) for name in ("jaw", "open", "upper_raise")}
    still = {name: np.zeros(200, np.float32) for name in MouthMotion.__dataclass_fields__}
    shapes = mouth_blendshapes(MouthMotion(**still | noise))
    assert np.median(shapes["mouthClose"]) < 0.06
    assert shapes["mouthClose"][noise["jaw"] < 5e-4].max() < 0.05
