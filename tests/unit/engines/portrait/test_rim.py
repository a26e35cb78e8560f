"""How much the picture around a person goes along."""

from dataclasses import replace

import numpy as np
import painted_portrait as paint
import pytest

from spark_avatar.engines.portrait.rim import END, START, at_nodes, distance_from_person, follows, moving
from spark_avatar.engines.portrait.warp import Lattice


@pytest.fixture(scope="module")
def canvas():
    """Somebody who stands as a soft-edged column, 180 pixels wide, before something."""
    canvas = paint.painted_canvas()
    width, height = canvas.size
    x = np.arange(width, dtype=np.float32) + canvas.window[0]
    matte = np.repeat(np.clip((90 - np.abs(x - 256)) / 4, 0, 1)[None], height, axis=0).astype(np.float32)
    return replace(canvas, matte=matte)


def test_nothing_is_known_without_a_matte(canvas):
    assert distance_from_person(replace(canvas, matte=None)) is None


def test_distances_are_those_from_the_person(canvas):
    distance = distance_from_person(canvas)
    assert distance.shape == canvas.matte.shape
    assert distance[canvas.matte > 0.9].max() < 0.02
    x = np.arange(canvas.size[0]) + canvas.window[0]
    beyond = (np.abs(x - 256) - 90) / canvas.eye_distance
    lower = distance[-40:]  # beside the column alone, not beside the face
    assert lower[:, np.abs(beyond - 0.3) < 0.02].mean() == pytest.approx(0.3, abs=0.02)


def test_the_face_is_the_persons_whatever_the_matte_says(canvas):
    distance = distance_from_person(replace(canvas, matte=np.zeros_like(canvas.matte)))
    nose = canvas.points[4, :2].astype(int)
    assert distance[nose[1], nose[0]] < 0.01


def test_hair_goes_along_and_what_is_far_stands_still():
    shares = follows(np.float32([0, START, (START + END) / 2, END, 2 * END]))
    np.testing.assert_allclose(shares, [1, 1, 0.5, 0, 0], atol=1e-6)
    assert follows(np.float32([0.2]), 0.15) == 0


def test_nodes_know_what_pixels_know(canvas):
    distance, lattice = distance_from_person(canvas), Lattice.covering((0, 0, *canvas.size), 6)
    x, y = lattice.nodes()
    inside = (x < canvas.size[0] - 1) & (y < canvas.size[1] - 1)
    expected = distance[y[inside].round().astype(int), x[inside].round().astype(int)]
    assert np.abs(at_nodes(distance, lattice)[inside] - expected).max() < 0.02


def test_all_that_moves_is_drawn(canvas):
    distance, lattice = distance_from_person(canvas), Lattice.covering((0, 0, *canvas.size), 6)
    drawn = moving(distance, lattice)
    assert drawn[follows(distance) > 0].all()
    assert not drawn.all()
