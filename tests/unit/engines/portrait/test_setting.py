"""A square around the face, a colour behind the person."""

from dataclasses import replace

import numpy as np
import pytest

from spark_avatar.engines.portrait.setting import before_colour, cropped_to_face


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
    green = before_colour(astronaut, "#00b140")
    assert (green.image[astronaut.matte < 0.02] == [0, 177, 64]).all()
    person = astronaut.matte > 0.99
    assert np.abs(green.image[person].astype(int) - astronaut.image[person]).max() <= 3
    assert green.warnings == astronaut.warnings


def test_soft_edges_run_from_the_person_to_the_colour(astronaut):
    # Her hair stands before a bright wall: before black nothing bright may be left around it.
    edge = (astronaut.matte > 0.05) & (astronaut.matte < 0.6)
    edge[200:] = False
    black, white = (before_colour(astronaut, colour).image[edge].mean() for colour in ("#000000", "#ffffff"))
    assert black < 0.6 * astronaut.image[edge].mean()
    assert white > black + 60


def test_without_a_matte_the_background_stays_and_a_warning_says_so(astronaut):
    unsure = before_colour(replace(astronaut, matte=None), "#102030")
    assert (unsure.image == astronaut.image).all()
    assert [warning.code for warning in unsure.warnings] == ["background_kept"]
