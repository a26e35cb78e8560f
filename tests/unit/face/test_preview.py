import numpy as np
import pytest

from spark_avatar.face.landmarks import LEFT_EYE
from spark_avatar.face.preview import BOX, draw_mesh


def test_the_drawing_lies_on_the_face_and_leaves_the_picture_alone(astronaut, astronaut_rig):
    drawn = draw_mesh(astronaut, astronaut_rig)
    assert drawn.shape == astronaut.shape
    changed = (drawn != astronaut).any(axis=2)
    x, y, width, height = astronaut_rig.diagnostics.box
    rows, columns = np.nonzero(changed)
    margin = astronaut_rig.eye_distance
    assert x - 3 <= columns.min() <= columns.max() <= x + width + margin
    assert y - 3 <= rows.min() <= rows.max() <= y + height + margin
    iris = astronaut_rig.landmarks[LEFT_EYE.iris[0]].round().astype(int)
    assert changed[iris[1], iris[0]]
    assert drawn[round(y), round(x + 2)].tolist() == pytest.approx(list(BOX), abs=60)
