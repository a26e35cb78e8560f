"""How brows, lids, cheeks and nose move beside the lips: bumps of skin around landmarks, in the axes of the face."""

from typing import Final

import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.curves import Array
from spark_avatar.engines.portrait.outline import FaceOutline
from spark_avatar.face.landmarks import LEFT_EYE, RIGHT_EYE, EyeLandmarks
from spark_avatar.media.arrays import Points

SKIN_MOTIONS: Final = ("brow", "brow_inner", "lid_raise", "cheek_raise", "cheek_puff", "nose_wrinkle")
"""Order of the displacements: both whole brows, their inner ends, the upper lids beyond their rest, the cheeks under the eyes,
the cheeks blown up, the wings of the nose."""

BROW_RAISE: Final = 0.04
"""E that a brow rises at full value."""
LID_RAISE: Final = 0.022
CHEEK_RAISE: Final = 0.022
CHEEK_PUFF: Final = 0.045
"""E that the cheeks go outwards."""
NOSE_WRINKLE: Final = 0.03

_SIDES: Final = ((RIGHT_EYE, 55, 50, 205, 129), (LEFT_EYE, 285, 280, 425, 358))
"""Per side: the eye, the inner end of the brow, the cheekbone, the middle of the cheek, the wing of the nose."""


def skin_displacements(canvas: Canvas, outline: FaceOutline) -> Points:
    """(6, 468, 3): output pixels per unit, in the order of `SKIN_MOTIONS`."""
    points, eye_distance = canvas.points[:468, :2], canvas.eye_distance
    up, out = np.zeros((len(SKIN_MOTIONS), 468)), np.zeros((len(SKIN_MOTIONS), 468))

    def bump(centre: Points, sideways: float, above: float, below: float) -> Array:
        """(468,): 1 at the centre, 1/e at these distances from it, in E."""
        offset = (points - centre) / eye_distance
        u, v = offset @ outline.across, offset @ outline.down
        height: Array = np.exp(-((u / sideways) ** 2) - (v / np.where(v < 0, above, below)) ** 2)
        return height

    for eye, inner_brow, cheekbone, cheek, wing in _SIDES:
        up[0] += BROW_RAISE * bump(_middle(points, eye.brow + eye.brow_top), 0.27, 0.30, 0.085)
        up[1] += BROW_RAISE * bump(points[inner_brow], 0.14, 0.30, 0.085)
        up[2] += LID_RAISE * bump(_middle(points, _lid(eye)), 0.15, 0.10, 0.030)
        up[3] += CHEEK_RAISE * bump(points[cheekbone], 0.20, 0.085, 0.16)
        side = np.sign((points[cheek] - outline.centre) @ outline.across)
        out[4] += CHEEK_PUFF * side * bump(points[cheek], 0.20, 0.20, 0.20)
        up[5] += NOSE_WRINKLE * bump(points[wing], 0.09, 0.16, 0.08)
    moved = np.zeros((len(SKIN_MOTIONS), 468, 3))
    moved[..., :2] = eye_distance * (out[..., None] * outline.across - up[..., None] * outline.down)
    return moved


def _lid(eye: EyeLandmarks) -> tuple[int, ...]:
    """The upper lid between the corners."""
    return eye.upper[2:-2]


def _middle(points: Points, landmarks: tuple[int, ...]) -> Points:
    middle: Points = points[list(landmarks)].mean(axis=0)
    return middle
