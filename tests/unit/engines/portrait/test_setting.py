"""A square around the face; a colour, a picture or nothing behind the person."""

import cv2
import numpy as np
import pytest

from spark_avatar.engines.portrait import setting
from spark_avatar.engines.portrait.sampling import resized
from spark_avatar.engines.portrait.setting import Backdrop, before, cropped_to_face


def face_middle(face):
    points = face.landmarks[:468, :2]
    return (points.max(axis=0) + points.min(axis=0)) / 2, np.ptp(points, axis=0).max()


def test_crop_is_a_square_around_the_face(astronaut):
    square = cropped_to_face(astronaut)
    height, width = square.image.shape[:2]
    assert height == width == square.matte.shape[0] == square.matte.shape[1]
    middle, size = face_middle(square)
    assert 2.0 < width / size < 2.5
    assert abs(middle[0] / width - 0.5) < 0.05
    assert 0.45 < middle[1] / height < 0.7  # room above for the hair; her picture ends close over it


def test_crop_takes_landmarks_and_matte_along(astronaut):
    square = cropped_to_face(astronaut)
    x, y = square.landmarks[4, :2].astype(int)
    before_x, before_y = astronaut.landmarks[4, :2].astype(int)
    assert (square.image[y, x] == astronaut.image[before_y, before_x]).all()
    assert square.matte[y, x] == astronaut.matte[before_y, before_x]


@pytest.mark.parametrize("box", [(150, 60, 300, 220), (165, 20, 512, 330), (0, 0, 260, 512)])
def test_crop_stays_within_the_picture(cropped, box):
    face = cropped(*box)
    square = cropped_to_face(face)
    side = square.image.shape[0]
    assert square.image.shape == (side, side, 3)
    assert side <= min(face.image.shape[:2])
    middle, _ = face_middle(square)
    assert (middle > 0).all()
    assert (middle < side).all()


def test_background_is_the_colour_and_the_person_stays(astronaut):
    green = before(astronaut, (512, 512), Backdrop.of_colour("#00b140")).canvas.base
    assert (green[astronaut.matte < 0.01] == [0, 177, 64]).all()
    person = astronaut.matte > 0.99
    assert np.abs(green[person].astype(int) - astronaut.image[person]).max() <= 3


def test_nothing_bright_is_left_around_the_hair_before_black(astronaut):
    # Her hair stands before a bright wall.
    edge = (astronaut.matte > 0.05) & (astronaut.matte < 0.6)
    edge[200:] = False
    black, white = (
        before(astronaut, (512, 512), Backdrop.of_colour(colour)).canvas.base[edge].mean() for colour in ("#000000", "#ffffff")
    )
    assert black < 0.4 * astronaut.image[edge].mean()
    assert white > black + 60


def test_a_transparent_scene_keeps_the_persons_colours_beyond_the_edge(astronaut):
    scene = before(astronaut, (512, 512), Backdrop(None))
    assert scene.background.plate is None
    assert scene.opacity.shape == (512, 512)
    assert (scene.opacity[astronaut.matte > 0.98] == 255).all()
    assert (scene.opacity[astronaut.matte < 0.03] == 0).all()
    # Beside the hair, where nothing is to be seen, there is hair's colour, not the wall's: nothing bleeds in when it is scaled.
    beside = (scene.opacity == 0) & (cv2.dilate(scene.opacity, np.ones((7, 7))) > 128)
    beside[110:] = False
    assert beside.sum() > 50
    assert scene.canvas.base[beside].mean() < 0.7 * astronaut.image[beside].mean()


@pytest.mark.parametrize(("size", "kept"), [((512, 512), (100, 200)), ((300, 100), (0, 300)), ((1200, 400), (0, 300))])
def test_a_picture_covers_the_frame(size, kept):
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :, 0] = np.arange(300) * 255 // 299
    covering = Backdrop(picture).covering(size)
    assert covering.shape == (size[1], size[0], 3)
    ends = covering[size[1] // 2, [0, -1], 0].astype(int)
    assert np.abs(ends - [picture[0, kept[0], 0], picture[0, kept[1] - 1, 0]]).max() <= 3


@pytest.mark.parametrize("shape", [(1, 4096, 3), (4096, 1, 3)])
def test_a_strip_covers_the_frame_without_being_enlarged_whole(shape, monkeypatch):
    def bounded(picture, wanted, interpolation):
        assert wanted == (1080, 1080)  # all of the strip at this scale would take 14 GB
        return resized(picture, wanted, interpolation)

    monkeypatch.setattr(setting, "resized", bounded)
    strip = np.full(4096, 200, np.uint8)
    strip[2000:2096] = 50
    covering = Backdrop(np.repeat(strip, 3).reshape(shape)).covering((1080, 1080))
    assert covering.shape == (1080, 1080, 3)
    assert covering.max() == 50  # its middle
