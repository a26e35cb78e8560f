import cv2
import numpy as np
import pytest

from spark_avatar.face.crop import SquareCrop


def spot(x: float, y: float, *, radius: float) -> np.ndarray:
    """A bright spot at a place in a dark picture of 400 x 300."""
    columns, rows = np.meshgrid(np.arange(400), np.arange(300))
    bright = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return np.dstack([bright.astype(np.uint8)] * 3)


def centroid(crop: np.ndarray) -> np.ndarray:
    moments = cv2.moments(crop[..., 0].astype(np.float32))
    return np.array([[moments["m10"] / moments["m00"], moments["m01"] / moments["m00"], 2.0]])


@pytest.mark.parametrize("side", [60, 192, 260])
@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_seen_in_the_crop_is_found_again_in_the_picture(side, angle, mirrored):
    crop = SquareCrop(np.array([201.3, 148.6]), side, angle, 96, mirrored)
    seen = centroid(crop.cut(spot(207.0, 139.5, radius=4)))
    assert crop.to_image(seen)[0] == pytest.approx([207.0, 139.5, 2 * crop.scale], abs=0.15)


def test_a_mirrored_crop_is_the_crop_mirrored():
    image = np.random.default_rng(1).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    plain, mirrored = (SquareCrop(np.array([59.5, 59.5]), 120, 0.0, 120, flag).cut(image) for flag in (False, True))
    np.testing.assert_array_equal(plain, image)
    np.testing.assert_array_equal(mirrored, image[:, ::-1])


def test_reducing_averages():
    checks = ((np.indices((240, 240)).sum(axis=0) % 2) * 255).astype(np.uint8)
    reduced = SquareCrop(np.array([119.5, 119.5]), 240, 0.0, 60).cut(np.dstack([checks] * 3))
    assert np.abs(reduced[5:-5, 5:-5].astype(int) - 127).max() <= 2


def test_beyond_the_edge_the_last_pixels_go_on():
    image = np.full((50, 50, 3), 200, np.uint8)
    assert (SquareCrop(np.array([0.0, 0.0]), 200, 0.3, 64).cut(image) == 200).all()
