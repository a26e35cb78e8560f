"""How the background around a person gives way: next to the person it goes along, further off it stands still.

Between the two the picture is stretched a little. A cut would need a matte that is exact to the hair, and what is behind the
head would have to be invented: where both are only nearly right a ring around the head is displaced against the rest.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.curves import Array, smoothstep
from spark_avatar.engines.portrait.sampling import resized, sample
from spark_avatar.engines.portrait.warp import Lattice
from spark_avatar.media.arrays import FloatArray

WORK_EYE_DISTANCE: Final = 75.0
"""Distances are measured at a size where E is at most this: what is made of them is soft."""
PERSON: Final = 0.3
"""Matte above which a pixel is the person's."""
START: Final = 0.05
"""E from the person up to which all goes along: hair that the matte lacks."""
END: Final = 0.42
"""E beside the head from which on nothing moves. Heads that speak move by up to 0.1 E against what is behind them; the rim bears
0.24 E before it folds."""
NARROW_END: Final = 0.15
"""The same beside shoulders, which move less, and at the picture's edges, which are not to."""
CREASES: Final = 0.03
"""E over which distances are smoothed: they have creases where two parts of the person are equally near."""


def distance_from_person(canvas: Canvas) -> FloatArray | None:
    """(height, width) of the window, E; 0 on the person. None without a trusted matte."""
    if canvas.matte is None:
        return None
    eye_distance = min(canvas.eye_distance, WORK_EYE_DISTANCE)
    scale = eye_distance / canvas.eye_distance
    size = (max(2, round(canvas.size[0] * scale)), max(2, round(canvas.size[1] * scale)))
    elsewhere = (resized(canvas.matte, size, cv2.INTER_AREA) <= PERSON).astype(np.uint8)
    face = cv2.convexHull((canvas.points[:468, :2] * scale).astype(np.int32))
    cv2.fillConvexPoly(elsewhere, face, [0.0])
    distance = cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / eye_distance
    return resized(cv2.GaussianBlur(distance, (0, 0), CREASES * eye_distance).astype(np.float32, copy=False), canvas.size)


def at_nodes(distance: FloatArray, lattice: Lattice) -> FloatArray:
    """(rows, columns): distances at a lattice's nodes."""
    return sample(distance, np.dstack(lattice.nodes()).astype(np.float32))


def follows(distance: FloatArray, end: float | Array = END) -> FloatArray:
    """0..1: how much the picture goes along with the person, so far from whom it is; nothing does from `end` on."""
    share: FloatArray = (1 - smoothstep((distance - START) / (end - START), 0, 1)).astype(np.float32)
    return share


def moving(distance: FloatArray, lattice: Lattice) -> NDArray[np.bool_]:
    """(height, width): where nodes that move are near, so that anything may change."""
    near = cv2.dilate((distance < END).astype(np.uint8), np.ones((2 * lattice.step + 1,) * 2, np.uint8))
    return near.astype(np.bool_)
