"""How much the picture around a person goes along."""

from dataclasses import replace

import numpy as np
import painted_portrait as paint
import pytest

from spark_avatar.engines.portrait.rim import RIM, at_nodes, following, moving
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
    assert following(replace(canvas, matte=None)) is None


def test_the_person_goes_along_and_what_is_far_stands_still(canvas):
    follows = following(canvas)
    assert follows.shape == canvas.matte.shape
    assert follows[canvas.matte > 0.9].min() > 0.98
    x = np.arange(canvas.size[0]) + canvas.window[0]
    beyond = (np.abs(x - 256) - 90) / canvas.eye_distance
    lower = follows[-40:]  # beside the column alone, not beside the face
    assert lower[:, beyond > RIM[1] + 0.1].max(initial=0) == 0
    assert lower[:, np.abs(beyond - sum(RIM) / 2) < 0.02].mean() == pytest.approx(0.5, abs=0.08)


def test_it_fades_evenly_so_that_nothing_tears(canvas):
    steps = np.abs(np.diff(following(canvas), axis=1)).max() * canvas.eye_distance
    assert steps < 1.7 / (RIM[1] - RIM[0])  # a cubic with flat ends is one and a half times as steep as a line


def test_the_face_goes_along_whatever_the_matte_says(canvas):
    follows = following(replace(canvas, matte=np.zeros_like(canvas.matte)))
    nose = canvas.points[4, :2].astype(int)
    assert follows[nose[1], nose[0]] > 0.98


def test_nodes_know_what_pixels_know(canvas):
    follows, lattice = following(canvas), Lattice.covering((0, 0, *canvas.size), 6)
    x, y = lattice.nodes()
    seen = at_nodes(follows, lattice)
    inside = (x < canvas.size[0] - 1) & (y < canvas.size[1] - 1)
    expected = follows[y[inside].round().astype(int), x[inside].round().astype(int)]
    assert np.abs(seen[inside] - expected).max() < 0.05


def test_all_that_moves_is_drawn(canvas):
    follows, lattice = following(canvas), Lattice.covering((0, 0, *canvas.size), 6)
    drawn = moving(follows, lattice)
    assert drawn[follows > 0].all()
    assert not drawn.all()
