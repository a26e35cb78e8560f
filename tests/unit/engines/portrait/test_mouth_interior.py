"""What is seen between the lips."""

from dataclasses import replace

import cv2
import numpy as np
import painted_portrait as paint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE
from spark_avatar.engines.portrait.lip_shadow import lip_light
from spark_avatar.engines.portrait.mouth_frame import build_mouth_frame
from spark_avatar.engines.portrait.mouth_interior import InteriorState, build_interior
from spark_avatar.engines.portrait.picture_traits import luma

E = paint.E


def interior_of(canvas):
    mouth = build_mouth_frame(canvas)
    return mouth, build_interior(canvas, mouth, 230.0)


@pytest.fixture(scope="module")
def closed():
    """Portrait with closed lips: all that is inside has to be drawn."""
    return interior_of(paint.painted_canvas())


@pytest.fixture(scope="module")
def smiling():
    """Portrait that shows its own teeth."""
    return interior_of(paint.painted_canvas(mouth_gap=0.12))


def state(**changes):
    still = InteriorState(
        open=0.15, jaw_drop=0.1 * E, lower_drop=0.0, tongue=0.0, rotation=np.eye(3), translation=np.zeros(2), pivot=np.zeros(3)
    )
    return replace(still, **changes)


def box_around(mouth):
    """100 x 70 pixels; row 25 is where the closed lips meet."""
    x, y = (round(v) for v in (mouth.snapped[13] + mouth.closing[13, :2]))
    return (x - 50, y - 25, x + 50, y + 45)


def middle_column(mouth, interior, **changes):
    """Brightness down the middle of the mouth, first row at the closed lips; no lips in the way."""
    box = box_around(mouth)
    cover = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    brightness = luma(interior.compose(box, cover, state(**changes)))
    return np.median(brightness[25:, 47:54], axis=1)


def slit_cover(box, half_height):
    """Lips that leave an elliptic opening below the middle of the box."""
    y, x = np.mgrid[box[1] : box[3], box[0] : box[2]]
    middle_x, middle_y = (box[0] + box[2]) / 2, box[1] + 25 + half_height
    inside = ((x - middle_x) / 32) ** 2 + ((y - middle_y) / half_height) ** 2 < 1
    return 1 - inside.astype(np.float32)


def test_teeth_are_brighter_than_skin_and_the_throat_is_dark(closed):
    column = middle_column(*closed, open=0.25, jaw_drop=0.25 * E)
    skin = float(luma(np.float32(paint.SKIN)))
    assert column[:3].mean() > 0.95 * skin
    assert column[6:14].min() < 0.35 * skin


def test_upper_teeth_stay_and_lower_teeth_follow_the_jaw(closed):
    half, full = (middle_column(*closed, jaw_drop=drop * E) for drop in (0.13, 0.20))
    np.testing.assert_allclose(half[:3], full[:3], atol=1.5)
    bright = 0.6 * float(luma(np.float32(paint.SKIN)))
    edges = [6 + int(np.argmax(column[6:] > bright)) for column in (half, full)]
    assert edges[1] - edges[0] == pytest.approx(0.07 * E, abs=1.5)


def test_lower_teeth_darken_when_the_mouth_opens_wide(closed):
    half, full = (middle_column(*closed, jaw_drop=drop * E)[10:].max() for drop in (0.10, 0.22))
    assert full < 0.9 * half


def test_raised_tongue_fills_the_gap_between_the_teeth(closed):
    lying, raised = (middle_column(*closed, tongue=tongue)[5:14].mean() for tongue in (0.0, 1.0))
    assert raised > lying + 15


def test_head_motion_takes_the_teeth_along(closed):
    mouth, interior = closed
    box = box_around(mouth)
    cover = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    still = interior.compose(box, cover, state())
    moved = interior.compose(box, cover, state(translation=np.array([7.0, -3.0])))
    np.testing.assert_allclose(moved[10:-10, 17:90], still[13:-7, 10:83], atol=2)


def test_lips_shade_the_inside(closed):
    mouth, interior = closed
    box = box_around(mouth)
    bare, narrow, wide = (
        interior.compose(box, cover, state())[26:28, 45:56].mean()
        for cover in (np.zeros((70, 100), np.float32), slit_cover(box, 2), slit_cover(box, 14))
    )
    assert narrow < 0.4 * bare  # a slit is dark
    assert 0.4 * bare < wide < 0.8 * bare  # just below the lip of an open mouth


def test_the_corners_are_darker_than_the_front_teeth(closed):
    box = box_around(closed[0])
    light = lip_light(slit_cover(box, 8), E)[33]
    corner, front = light[50 - 26], light[50]
    assert front == 1.0
    assert corner < 0.8 * front


def test_teeth_on_the_lower_lip_stand_in_the_light(closed):
    mouth, interior = closed
    box = box_around(mouth)
    cover = slit_cover(box, 3)
    hidden, before = (interior.compose(box, cover, state(tuck=tuck))[26:28, 45:56].mean() for tuck in (0.0, 1.0))
    assert before > 1.1 * hidden


def test_a_moustache_hides_and_shades_the_teeth(closed):
    canvas = paint.painted_canvas()
    nose, lip = ((canvas.points[i, :2] * TEXTURE_SCALE).astype(int) for i in (2, 0))
    width = int(0.25 * E * TEXTURE_SCALE)
    texture = canvas.texture.copy()
    texture[nose[1] : lip[1], nose[0] - width : nose[0] + width] = (35, 28, 24)
    moustached = interior_of(replace(canvas, texture=texture))
    bare, hidden = (middle_column(*mouth, open=0.25, jaw_drop=0.25 * E) for mouth in (closed, moustached))
    bright = 0.6 * float(luma(np.float32(paint.SKIN)))
    assert (bare[:8] > bright).sum() >= (hidden[:8] > bright).sum() + 2
    assert hidden[:8].max() < 0.85 * bare[:8].max()


def test_own_teeth_stay_in_their_place_and_colour(smiling):
    mouth, interior = smiling
    box = box_around(mouth)
    x, y = np.meshgrid(np.arange(box[0], box[2]), np.arange(box[1], box[3]))
    a, b = mouth.to_mouth(np.stack([x.ravel(), y.ravel()], axis=1)).T
    between = (b > np.interp(a, mouth.line_a, mouth.upper_b)) & (b < np.interp(a, mouth.line_a, mouth.lower_b))
    cover = 1 - between.reshape(x.shape).astype(np.float32)
    seen = interior.compose(box, cover, state(jaw_drop=0.05 * E))
    line = round(float(mouth.snapped[13, 1])) - box[1]
    teeth = seen[line + round(0.02 * E) : line + round(0.05 * E), 40:61]
    assert np.abs(np.median(teeth, axis=(0, 1)) - np.array(paint.OWN_TEETH)).max() < 25
    below = interior.compose(box, np.zeros(x.shape, np.float32), state(jaw_drop=0.25 * E))[line + round(0.11 * E), 40:61]
    assert below.mean() < 0.5 * np.mean(paint.OWN_TEETH)


def test_dark_gaps_between_own_teeth_do_not_go_along():
    canvas = paint.painted_canvas(mouth_gap=0.12)
    x, y = TEXTURE_SCALE * canvas.points[13, :2]
    texture = canvas.texture.copy()
    texture[int(y) : int(y + 0.06 * E * TEXTURE_SCALE), int(x) - 9 : int(x) + 9] = paint.THROAT
    gap, whole = (middle_column(*interior_of(each), jaw_drop=0.2 * E)[:5] for each in (replace(canvas, texture=texture), canvas))
    assert (gap > 0.8 * whole).all()


def test_own_teeth_lose_the_red_that_runs_over_from_the_lips():
    def redness(canvas):
        mouth, interior = interior_of(canvas)
        box = box_around(mouth)
        teeth = interior.compose(box, np.zeros((70, 100), np.float32), state())[27:31, 45:56].mean(axis=(0, 1))
        return teeth[0] / luma(teeth)

    canvas = paint.painted_canvas(mouth_gap=0.12)
    white, red = (np.float32(colour) / luma(np.float32(colour)) for colour in (paint.OWN_TEETH, paint.LIP))
    teeth = np.abs(canvas.texture.astype(int) - paint.OWN_TEETH).max(axis=2) < 12
    texture = canvas.texture.copy()
    texture[teeth] = luma(texture[teeth])[:, None] * (0.8 * white + 0.2 * red)
    assert redness(replace(canvas, texture=texture)) < redness(canvas) + 0.5 * 0.2 * (red - white)[0]


@pytest.mark.parametrize("gap", [0.078, 0.12])
def test_only_teeth_that_are_seen_through_a_slit_come_into_the_light(gap):
    canvas = paint.painted_canvas(mouth_gap=gap)
    x, y = (np.arange(size) - TEXTURE_SCALE * canvas.points[14, axis] for axis, size in enumerate(canvas.texture.shape[1::-1]))
    teeth = (luma(canvas.texture) > 1.02 * luma(np.float32(paint.SKIN))) & (np.abs(y)[:, None] < 0.15 * E * TEXTURE_SCALE)
    texture = canvas.texture.copy()
    texture[teeth] = 0.65 * texture[teeth]
    texture[teeth & (np.abs(x) > 0.12 * E * TEXTURE_SCALE)] = paint.THROAT
    shown = middle_column(*interior_of(replace(canvas, texture=texture)), open=0.25, jaw_drop=0.25 * E)[:4].mean()
    lit = shown / luma(np.float32(paint.OWN_TEETH))
    assert lit > 0.75 if gap < 0.08 else lit < 0.7


def test_black_and_white_pictures_stay_so():
    mouth, interior = interior_of(paint.painted_canvas(mouth_gap=0.12, grey=True))
    box = box_around(mouth)
    inside = interior.compose(box, slit_cover(box, 16), state(tongue=0.5))
    assert np.ptp(inside, axis=2).max() < 1.5
    assert np.ptp(inside[..., 0]) > 60


def test_same_picture_same_teeth_another_picture_others():
    images = []
    for seed in (1, 1, 2):
        mouth, interior = interior_of(paint.painted_canvas(noise_seed=seed))
        box = box_around(mouth)
        images.append(interior.compose(box, np.zeros((70, 100), np.float32), state()))
    assert (images[0] == images[1]).all()
    assert np.abs(images[0] - images[2]).max() > 20


def test_soft_pictures_get_soft_teeth():
    steepest = []
    for sigma in (0.0, 2.0):
        canvas = paint.painted_canvas()
        mouth, interior = interior_of(paint.blurred(canvas, sigma) if sigma else canvas)
        steepest.append(np.abs(np.diff(middle_column(mouth, interior, jaw_drop=0.2 * E))).max())
    assert steepest[1] < 0.7 * steepest[0]


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.02, 0.4),
    st.floats(-20, 60),
    st.floats(-0.1, 0.25),
    st.floats(0, 1),
    st.floats(-0.2, 0.2),
    st.floats(-15, 15),
    st.booleans(),
)
def test_any_state_gives_a_picture(opening, drop, lower_drop, tongue, turn, shift, lips):
    mouth, interior = _CLOSED
    box = box_around(mouth)
    cover = slit_cover(box, 10) if lips else np.zeros((70, 100), np.float32)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    inside = interior.compose(
        box, cover, InteriorState(opening, drop, lower_drop, tongue, rotation, np.full(2, shift), np.array([256.0, 300.0, 40.0]))
    )
    assert inside.shape == (70, 100, 3)
    assert inside.dtype == np.float32
    assert np.isfinite(inside).all()
    assert inside.min() >= 0
    assert inside.max() <= 255


_CLOSED = interior_of(paint.painted_canvas())


def test_teeth_are_as_grainy_as_the_picture():
    canvas = paint.painted_canvas()
    noise = np.random.default_rng(4).normal(0, 8, canvas.texture.shape[:2])[..., None]
    grainy = replace(canvas, texture=np.clip(canvas.texture + noise, 0, 255).astype(np.uint8))
    fine = []
    for picture in (canvas, grainy):
        skull = build_interior(picture, build_mouth_frame(picture), None)._layers.skull.astype(np.float32)
        enamel = cv2.erode((skull[..., 3] > 250).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        detail = skull[..., 1] - cv2.GaussianBlur(skull[..., 1], (0, 0), 2)
        fine.append(float(detail[enamel].std()))
    assert np.hypot(fine[0], 5) < fine[1] < np.hypot(fine[0], 11)
