"""Where lips meet and how they close."""

import cv2
import numpy as np
import painted_portrait as paint
import pytest

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE
from spark_avatar.engines.portrait.lip_space import MouthControls
from spark_avatar.engines.portrait.mouth_frame import build_mouth_frame, natural_displacement
from spark_avatar.face.landmarks import LOWER_INNER, UPPER_INNER


def test_closed_lips_stay_as_they_are():
    mouth = build_mouth_frame(paint.painted_canvas())
    assert not mouth.is_open
    assert (mouth.upper_b == mouth.lower_b).all()
    assert (mouth.closing == 0).all()


@pytest.mark.parametrize("offset", [-4.0, 3.0])
def test_line_of_closed_lips_is_found_where_it_is_dark(offset):
    # The mesh is off by a few pixels: the dark line tells where the lips really meet.
    canvas = paint.painted_canvas()
    points = canvas.points.copy()
    moved = canvas.points[list(UPPER_INNER), :2] + [0, offset]
    polyline = np.round((moved + 0.5) * TEXTURE_SCALE - 0.5).astype(np.int32)
    texture = canvas.texture.copy()
    margin = np.array([10, 14 * TEXTURE_SCALE])
    (x0, y0), (x1, y1) = polyline.min(axis=0) - margin, polyline.max(axis=0) + margin
    texture[y0:y1, x0:x1] = paint.LIP
    cv2.polylines(texture, [polyline], False, (70, 30, 30), 5, cv2.LINE_AA)
    canvas = type(canvas)(**{**canvas.__dict__, "texture": texture, "points": points})
    mouth = build_mouth_frame(canvas)
    middle = np.abs(mouth.line_a) < 0.3 * mouth.width
    true_b = np.interp(mouth.line_a, *mouth.to_mouth(moved).T)
    assert np.abs(mouth.upper_b - true_b)[middle].max() < 1.2
    assert abs(mouth.to_mouth(mouth.snapped[[13]])[0, 1] - true_b[40]) < 1.2


def test_open_mouth_closes_to_the_line():
    canvas = paint.painted_canvas(mouth_gap=0.12)
    mouth = build_mouth_frame(canvas)
    assert mouth.is_open
    assert mouth.gap == pytest.approx(0.12, abs=0.01)
    closed = mouth.snapped + mouth.closing[:, :2]
    upper, lower = mouth.to_mouth(closed[list(UPPER_INNER[1:-1])]), mouth.to_mouth(closed[list(LOWER_INNER[1:-1])])
    np.testing.assert_allclose(upper[:, 1], lower[:, 1], atol=1e-6)
    # Both lips take part, and the chin comes along as people's does.
    assert (mouth.closing[[13, 0], :2] @ mouth.down > 0).all()
    assert (mouth.closing[[14, 17, 152], :2] @ mouth.down < 0).all()


@pytest.mark.parametrize(
    ("height", "colour", "parted"),
    [
        pytest.param(0.03, (9, 4, 4), True, id="black band"),
        pytest.param(0.01, (9, 4, 4), False, id="black line"),
        pytest.param(0.03, (70, 30, 30), False, id="brown band"),
    ],
)
def test_a_black_band_that_the_mesh_takes_for_closed_lips_is_a_slit(height, colour, parted):
    canvas = paint.painted_canvas()
    line = np.round((canvas.points[list(UPPER_INNER), :2] + 0.5) * TEXTURE_SCALE - 0.5).astype(np.int32)
    texture = canvas.texture.copy()
    cv2.polylines(texture, [line], False, colour, round(height * paint.E * TEXTURE_SCALE), cv2.LINE_AA)
    mouth = build_mouth_frame(type(canvas)(**{**canvas.__dict__, "texture": texture}))
    assert mouth.is_open == parted
    if parted:
        assert mouth.gap == pytest.approx(height, abs=0.008)
        closed = mouth.to_mouth(mouth.snapped + mouth.closing[:, :2])
        np.testing.assert_allclose(closed[list(UPPER_INNER[1:-1]), 1], closed[list(LOWER_INNER[1:-1]), 1], atol=1e-6)


@pytest.mark.parametrize(("share", "moves"), [(0.6, True), (0.12, False)])
def test_teeth_before_the_lower_lip_are_no_part_of_it_but_a_gleam_is(share: float, moves: bool):
    canvas = paint.painted_canvas(mouth_gap=0.12)
    before = build_mouth_frame(canvas)
    middle = np.abs(before.line_a) < share * before.width / 2
    a, b = before.line_a[middle], before.lower_b[middle]
    deep = 0.03 * paint.E
    rows = [b - 0.5 * deep, b + deep]
    outline = np.concatenate([np.stack([a, rows[0]], 1), np.stack([a, rows[1]], 1)[::-1]])
    places = before.centre + outline[:, :1] * before.across + outline[:, 1:] * before.down
    texture = canvas.texture.copy()
    cv2.fillPoly(texture, [np.round((places + 0.5) * TEXTURE_SCALE - 0.5).astype(np.int32)], paint.OWN_TEETH)
    after = build_mouth_frame(type(canvas)(**{**canvas.__dict__, "texture": texture}))
    moved = (after.lower_b - before.lower_b)[40]
    assert moved == pytest.approx(deep if moves else 0, abs=1.0)
    np.testing.assert_array_equal(after.upper_b, before.upper_b)


def test_toothy_smile_is_an_open_mouth(astronaut, rig):
    assert rig.mouth.is_open
    assert rig.mouth.smile > 0.8
    assert rig.mouth.gap == pytest.approx(astronaut.diagnostics.mouth_gap, abs=0.02)


def test_jaw_drop_moves_chin_and_lower_lip_down_and_leaves_the_eyes():
    moved = natural_displacement(paint.painted_canvas(), MouthControls(jaw=0.1, open=0.1))
    assert moved[152, 1] > 0.07 * paint.E
    assert moved[14, 1] > 0.08 * paint.E
    assert abs(moved[13, 1]) < 0.03 * paint.E
    assert np.abs(moved[[33, 133, 362, 263, 10, 168]]).max() < 1e-6
