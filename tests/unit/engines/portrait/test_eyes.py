"""Blinks and gaze in the texture."""

from dataclasses import replace

import cv2
import numpy as np
import painted_portrait as paint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE
from spark_avatar.engines.portrait.eyes import build_eyes, eye_whites_luma
from spark_avatar.engines.portrait.glasses import find_rims, wears_glasses
from spark_avatar.engines.portrait.picture_traits import luma

_CANVAS = paint.painted_canvas()
_EYES = build_eyes(_CANVAS)
BOTH = pytest.mark.parametrize("eye", _EYES, ids=["right", "left"])


def iris_pixels(patch):
    """Where the patch is the iris' blue."""
    return patch[..., 2].astype(int) - patch[..., 0] > 60


def strange_pixels(patch):
    """Where the patch is neither skin nor as dark as lashes: iris or eyeball."""
    hue = patch[..., 0].astype(int) - patch[..., 2]
    return (hue < 25) & (luma(patch) > 120)


def centroid(mask):
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


@BOTH
def test_at_rest_the_patch_is_the_picture(eye):
    x0, y0, x1, y1 = eye.box
    assert (eye.render(0, 0, 0) == _CANVAS.texture[y0:y1, x0:x1]).all()


def test_right_eye_comes_first():
    assert _EYES[0].box[0] < _EYES[1].box[0]


@BOTH
def test_full_blink_covers_the_eye_with_skin(eye):
    assert iris_pixels(eye.source).sum() > 200
    shut = eye.render(1, 0, 0)
    assert not iris_pixels(shut).any()
    assert not strange_pixels(shut).any()
    lid = shut[iris_pixels(eye.source)]
    assert np.abs(np.median(lid, axis=0) - np.array(paint.SKIN)).max() < 30


@BOTH
def test_closing_covers_more_and_more(eye):
    seen = [int(iris_pixels(eye.render(blink, 0, 0)).sum()) for blink in (0, 0.25, 0.5, 0.75, 1)]
    assert seen == sorted(seen, reverse=True)
    assert 0.2 * seen[0] < seen[2] < 0.8 * seen[0]


@BOTH
@pytest.mark.parametrize(("gaze_x", "gaze_y"), [(0.2, 0), (-0.2, 0), (0.1, 0.05)])
def test_gaze_moves_the_iris_by_what_was_asked(eye, gaze_x, gaze_y):
    moved = centroid(iris_pixels(eye.render(0, gaze_x, gaze_y))) - centroid(iris_pixels(eye.source))
    assert moved[0] == pytest.approx(gaze_x * eye.shape.width / 2, abs=1.0)
    assert np.sign(moved[1]) == np.sign(gaze_y) or abs(moved[1]) < 0.5


@BOTH
def test_gaze_sideways_or_up_leaves_the_lids_alone(eye):
    looking = eye.render(0, 0.25, -0.1)
    lids = (eye.shape.below_lid < -2) | (eye.shape.below_lid > eye.shape.height + 2)
    assert np.abs(looking[lids].astype(int) - eye.source[lids]).max() <= 1


@BOTH
@pytest.mark.parametrize("gaze", [(0.35, 0.0), (-0.35, 0.0), (0.3, -0.35), (-0.3, -0.35)])
def test_gaze_alone_moves_nothing_beyond_the_corners(eye, gaze):
    beyond = eye.shape.beyond > 1
    assert (eye.render(0, *gaze) == eye.source)[beyond].all()


@BOTH
def test_upper_lid_follows_the_gaze_down_and_not_up(eye):
    def lid_skin(patch):
        """Pixels of the resting eye that skin covers."""
        return int((~strange_pixels(patch) & ~iris_pixels(patch) & (luma(patch) > 90) & (eye.shape.eyeball > 0.9)).sum())

    covered = [lid_skin(eye.render(0, 0, gaze)) for gaze in (0.0, 0.1, 0.2)]
    assert covered[0] < 0.5 * covered[1] < 0.5 * covered[2]
    assert lid_skin(eye.render(0, 0, -0.2)) < covered[0] + 0.3 * covered[1]


@BOTH
@pytest.mark.parametrize("gaze_y", [-0.2, 0.2])
def test_looking_up_or_down_keeps_the_iris_round(eye, gaze_y):
    still, looking = iris_pixels(eye.source), iris_pixels(eye.render(0, 0, gaze_y))
    wide = [np.ptp(np.nonzero(mask.any(axis=0))[0]) for mask in (still, looking)]
    assert wide[1] <= wide[0] + 3
    # A blue streak drawn out of it would be as high as the eye is open.
    assert looking.sum() < 1.15 * np.pi * eye.shape.iris_radius**2


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.2, 1.2), st.floats(-1, 1), st.floats(-1, 1), st.sampled_from(_EYES))
def test_patches_join_their_surroundings(blink, gaze_x, gaze_y, eye):
    patch = eye.render(blink, gaze_x, gaze_y)
    assert patch.shape == eye.source.shape
    assert patch.dtype == np.uint8
    change = np.abs(patch.astype(int) - eye.source)
    border = np.ones(patch.shape[:2], bool)
    border[1:-1, 1:-1] = False
    assert change[border].max() == 0
    border[3:-3, 3:-3] = False
    assert change[~border].max() <= 255
    ring = np.ones(patch.shape[:2], bool)
    ring[3:-3, 3:-3] = False
    assert change[ring].max() < 40


def test_same_state_is_drawn_once_and_the_same_everywhere():
    eye, twin = build_eyes(_CANVAS)[0], _EYES[0]
    assert eye.render(0.5, 0.1, 0) is eye.render(0.5004, 0.1, 0)
    assert (eye.render(0.5, 0.1, 0) == twin.render(0.5, 0.1, 0)).all()


def test_memory_of_states_is_bounded():
    eye = build_eyes(_CANVAS)[0]
    first = eye.render(0.5, 0, 0)
    for step in range(1, 200):
        eye.render(step % 20 / 20, step // 20 / 50, 0.1)
    assert eye.render(0.5, 0, 0) is not first


def test_lid_skin_has_no_jumps():
    eye = _EYES[0]
    shut = luma(eye.render(1, 0, 0))
    shape = eye.shape
    lid = (shape.below_lid > -0.8 * shape.opening) & (shape.below_lid < 0.5 * shape.height) & (shape.beyond < -0.1 * shape.width)
    steps = np.abs(np.diff(shut, axis=1))[lid[:, 1:] & lid[:, :-1]]
    assert steps.max() < 12


def grainy_canvas(seed):
    canvas = paint.painted_canvas()
    noise = np.random.default_rng(seed).normal(0, 9, canvas.texture.shape[:2])[..., None]
    return replace(canvas, texture=np.clip(canvas.texture + noise, 0, 255).astype(np.uint8))


def test_lid_has_the_grain_of_the_skin_around():
    grainy = grainy_canvas(3)
    shut = luma(build_eyes(grainy)[0].render(1, 0, 0))
    shape = _EYES[0].shape

    def grain(where):
        fine = shut - cv2.GaussianBlur(shut, (0, 0), 2)
        return float(fine[where].std())

    inside = np.abs(shape.along) < 0.3 * shape.width
    lid = inside & (shape.below_lid > 0) & (shape.below_lid < 0.6 * shape.height)
    cheek = inside & (shape.below_lid > 1.6 * shape.height)
    assert 0.5 < grain(lid) / grain(cheek) < 1.5


def test_grain_of_the_lid_does_not_stand_in_columns():
    eye = build_eyes(grainy_canvas(4))[0]
    shape = eye.shape
    shut = luma(eye.render(1, 0, 0))
    fine = shut - cv2.GaussianBlur(shut, (0, 0), 2)
    middle = slice(*(shape.x.shape[1] // 2 + np.array([-20, 20])))
    depth = (shape.below_lid > -0.1 * shape.opening) & (shape.below_lid < 0.6 * shape.height)
    rows = np.flatnonzero(depth[:, middle].all(axis=1))
    lid = fine[rows[0] : rows[-1] + 1, middle]
    # Rows of independent grain would add up to 1; the same grain again and again to as much as there are folds.
    assert len(lid) * lid.mean(axis=0).var() / lid.var() < 1.5


def test_lid_of_a_gaudy_picture_keeps_the_colour_of_the_skin():
    canvas = paint.painted_canvas()
    light = np.random.default_rng(5).uniform(0.2, 1.8, canvas.texture.shape[:2])[..., None]
    gaudy = np.clip((canvas.texture.astype(float) - [0, 30, 60]) * light, 0, 255).astype(np.uint8)
    eye = build_eyes(replace(canvas, texture=gaudy))[0]
    shape, shut = eye.shape, eye.render(1, 0, 0).astype(float)

    def saturation(where):
        red, _, blue = shut[where].mean(axis=0)
        return (red - blue) / red

    inside = np.abs(shape.along) < 0.3 * shape.width
    lid = inside & (shape.below_lid > 0) & (shape.below_lid < 0.6 * shape.height)
    above = inside & (shape.below_lid < -0.6 * shape.reach)
    assert saturation(lid) > 0.75 * saturation(above)


def test_a_rim_that_crosses_the_lid_stays_in_a_blink():
    canvas = paint.painted_canvas(glasses=True)
    eye = build_eyes(canvas)[0]
    x0, y0, x1, y1 = eye.box
    above_lid = -eye.shape.below_lid / eye.shape.eye_distance
    rim = np.zeros(canvas.texture.shape[:2], bool)  # a thin line close above the lid, from one side of the patch to the other
    rim[y0:y1, x0:x1] = np.abs(above_lid - 0.035) < 0.008
    texture = canvas.texture.copy()
    texture[rim] = 15
    eye = build_eyes(replace(canvas, texture=texture))[0]
    x0, y0, x1, y1 = eye.box
    middle = rim[y0:y1, x0:x1] & (np.abs(eye.shape.along) < 0.35 * eye.shape.width)
    assert middle.sum() > 50
    assert (luma(eye.render(1, 0, 0))[middle] < 70).mean() > 0.9


def test_black_and_white_eyes_stay_so():
    for eye in build_eyes(paint.painted_canvas(grey=True)):
        for blink in (0.3, 1.0):
            assert np.ptp(eye.render(blink, 0.1, 0).astype(int), axis=2).max() <= 1


def test_a_drawn_eye_larger_than_the_mesh_still_closes():
    for eye in build_eyes(paint.painted_canvas(eye_size=1.15)):
        assert iris_pixels(eye.source).sum() > 200
        assert strange_pixels(eye.render(1, 0, 0)).mean() < 0.002


def test_whites_of_the_eyes_are_measured():
    assert eye_whites_luma(_EYES) == pytest.approx(float(luma(np.float32(paint.WHITE))), abs=6)


def test_glasses_are_seen_and_keep_their_rims():
    canvas = paint.painted_canvas(glasses=True)
    assert wears_glasses(canvas)
    assert not wears_glasses(_CANVAS)
    eye = build_eyes(canvas)[0]
    rim = luma(eye.source) < 40
    above = rim & (eye.shape.below_lid < -0.5 * eye.shape.opening)
    shut = luma(eye.render(1, 0, 0))
    assert above.sum() > 100
    assert (shut[above] < 70).mean() > 0.9


def test_a_bag_under_the_eye_is_no_rim():
    canvas = paint.painted_canvas(glasses=True)
    eye = build_eyes(canvas)[0]
    x0, y0, x1, y1 = eye.box
    below = (eye.shape.below_lid - eye.shape.height) / eye.shape.eye_distance
    bag = (np.abs(below - 0.04) < 0.03) & (eye.shape.beyond < -0.1 * eye.shape.width)
    texture = canvas.texture.copy()
    texture[y0:y1, x0:x1][bag] = (0.6 * texture[y0:y1, x0:x1][bag]).astype(np.uint8)
    assert bag.sum() > 200
    assert (
        find_rims(texture[y0:y1, x0:x1], eye.shape)[bag & (below < 0.03)] > 0.1
    ).mean() < 0.02  # further down begins the margin of the rim
    assert (find_rims(eye.source, eye.shape)[luma(eye.source) < 40] > 0.5).sum() > 100


def test_behind_glasses_only_what_moves_is_drawn_anew():
    eye = build_eyes(paint.painted_canvas(glasses=True))[0]
    shape = eye.shape
    far = (shape.below_lid < -1.1 * shape.reach) | (shape.beyond > 0.25 * shape.width)
    assert far.sum() > 500
    assert np.array_equal(eye.render(0.5, 0, 0)[far], eye.source[far])


def test_eyes_behind_dark_glasses_are_left_alone():
    canvas = paint.painted_canvas()
    texture = canvas.texture.copy()
    for outer, inner in ((33, 133), (263, 362)):
        middle = canvas.points[[outer, inner], :2].mean(axis=0) * TEXTURE_SCALE
        cv2.circle(texture, [int(value) for value in middle], int(0.32 * canvas.eye_distance * TEXTURE_SCALE), (25, 30, 28), -1)
    assert build_eyes(replace(canvas, texture=texture)) == ()
    assert eye_whites_luma(()) is None
    assert len(build_eyes(canvas)) == 2
