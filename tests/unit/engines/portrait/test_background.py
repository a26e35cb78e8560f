"""What is seen where the person was."""

from dataclasses import replace

import cv2
import numpy as np
import painted_portrait as paint
import pytest

from spark_avatar.engines.portrait.background import build_background


def before(texture):
    """The background built for somebody who stands as a soft-edged column before a (512, 512, 3) picture."""
    canvas = paint.painted_canvas()
    x = np.arange(512, dtype=np.float32)
    matte = np.repeat(np.clip((90 - np.abs(x - 256)) / 4, 0, 1)[None], 512, axis=0)
    picture = np.where(matte[..., None] > 0.5, np.uint8([200, 40, 40]), texture).astype(np.uint8)
    window = picture[canvas.window[1] : canvas.window[3], canvas.window[0] : canvas.window[2]]
    part = np.ascontiguousarray(matte[: window.shape[0], : window.shape[1]])
    return replace(canvas, base=picture, matte=part), build_background(replace(canvas, base=picture, matte=part))


@pytest.fixture(scope="module")
def busy():
    noise = np.random.default_rng(5).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    return before(cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC))


def columns_of(canvas, first, last):
    """Window columns at a distance from the person's left edge to the inside, output pixels."""
    edge = 256 - 90 - canvas.window[0]
    return np.s_[:, edge + first : edge + last]


def test_hidden_background_is_as_busy_as_the_seen_one(busy):
    canvas, background = busy
    grey = cv2.cvtColor(background.plate, cv2.COLOR_RGB2GRAY).astype(float)
    seen = grey[columns_of(canvas, -60, -20)].std()
    uncovered = grey[columns_of(canvas, 6, 30)].std()
    assert uncovered > 0.5 * seen


def test_nothing_of_the_person_is_left_behind(busy):
    canvas, background = busy
    inside = background.plate[columns_of(canvas, 8, 160)].astype(int)
    red = (inside[..., 0] > 170) & (inside[..., 1] < 70) & (inside[..., 2] < 70)
    outside = background.plate[columns_of(canvas, -100, -20)].astype(int)
    usual = (outside[..., 0] > 170) & (outside[..., 1] < 70) & (outside[..., 2] < 70)
    assert red.mean() < usual.mean() + 0.02


def test_plain_background_stays_plain():
    canvas, background = before(np.full((512, 512, 3), (90, 120, 150), np.uint8))
    assert np.abs(background.plate[columns_of(canvas, 10, 160)].astype(int) - [90, 120, 150]).max() <= 3


def test_plate_is_the_picture_away_from_the_person(busy):
    canvas, background = busy
    x0, y0, x1, y1 = canvas.window
    outside = columns_of(canvas, -140, -20)
    assert (background.plate[outside] == canvas.base[y0:y1, x0:x1][outside]).all()
