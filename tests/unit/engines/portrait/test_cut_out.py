"""The person alone: opacity by colour where colours tell, by the matte where they do not."""

import cv2
import numpy as np
import pytest

from spark_avatar.engines.portrait.cut_out import cut_out

E = 60.0
HAIR, WALL = np.float32([60, 40, 30]), np.float32([200, 205, 210])


@pytest.fixture
def true_opacity():
    """A disc with strands at its edge that no segmentation follows."""
    drawn = np.zeros((240, 240), np.float32)
    cv2.circle(drawn, (120, 120), 70, 1.0, -1)
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        x, y = 120 + 80 * np.cos(angle), 120 + 80 * np.sin(angle)
        cv2.line(drawn, (120, 120), (round(x), round(y)), 1.0, 1)
    return cv2.GaussianBlur(drawn, (0, 0), 0.7)


@pytest.fixture
def matte():
    """What the network makes of it."""
    drawn = np.zeros((240, 240), np.float32)
    cv2.circle(drawn, (120, 120), 75, 1.0, -1)
    return cv2.GaussianBlur(drawn, (0, 0), 5)


def picture(opacity, wall):
    return (opacity[..., None] * HAIR + (1 - opacity[..., None]) * wall + 0.5).astype(np.uint8)


def test_strands_before_a_plain_wall_are_found(true_opacity, matte):
    found = cut_out(picture(true_opacity, WALL), matte, E)
    band = (matte > 0.05) & (matte < 0.95)
    error, matte_error = (np.abs(opacity - true_opacity)[band].mean() for opacity in (found.opacity, matte))
    assert error < 0.4 * matte_error


def test_the_persons_colour_holds_nothing_of_the_wall(true_opacity, matte):
    found = cut_out(picture(true_opacity, WALL), matte, E)
    seen = found.opacity > 0.1
    assert np.abs(found.person[seen].astype(int) - HAIR).mean() < 6
    assert found.person.shape == (240, 240, 3)
    assert np.abs(found.person.astype(int) - HAIR).max() < 90  # and beyond the edge it goes on


def test_before_a_restless_background_the_matte_decides(true_opacity, matte):
    spots = np.random.default_rng(1).integers(0, 256, (60, 60, 3)).astype(np.float32)
    restless = cv2.resize(spots, (240, 240), interpolation=cv2.INTER_NEAREST)
    found = cut_out(picture(true_opacity, restless), matte, E)
    outside = (matte < 0.25) & (matte > 0.05)
    assert found.opacity[outside].mean() < 0.12


def test_opacity_stays_within_its_range(true_opacity, matte):
    found = cut_out(picture(true_opacity, WALL), matte, E)
    assert found.opacity.dtype == np.float32
    assert found.opacity.min() == 0
    assert found.opacity.max() == 1
    assert (found.opacity[matte >= 0.97] == 1).all()


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_matte_without_both_sides_is_taken_as_it_is(true_opacity, level):
    flat = np.full((240, 240), level, np.float32)
    found = cut_out(picture(true_opacity, WALL), flat, E)
    assert (found.opacity == flat).all()
