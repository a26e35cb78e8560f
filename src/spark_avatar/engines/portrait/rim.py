"""How the background around a person gives way: next to the person it goes along, further off it stands still.

Between the two the picture is stretched a little. A cut would need a matte that is exact to the hair, and what is behind the
head would have to be invented: where both are only nearly right a ring around the head is displaced against the rest.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.curves import smoothstep
from spark_avatar.engines.portrait.sampling import resized, sample
from spark_avatar.engines.portrait.warp import Lattice
from spark_avatar.media.arrays import FloatArray

WORK_EYE_DISTANCE: Final = 75.0
"""The rim is made at a size where E is at most this: it is soft anyway."""
PERSON: Final = 0.3
"""Matte above which a pixel is the person's."""
RIM: Final = (0.05, 0.42)
"""E from the person up to which all goes along (hair that the matte lacks), and from which on nothing moves. Heads that speak
move by up to 0.1 E against what is behind them; the rim bears 0.24 E before it folds."""
CREASES: Final = 0.03
"""E over which the distance is smoothed: it has creases where two parts of the person are equally near."""


def following(canvas: Canvas) -> FloatArray | None:
    """(height, width) of the window, 0..1: how much the picture goes along with the person; None without a trusted matte."""
    if canvas.matte is None:
        return None
    eye_distance = min(canvas.eye_distance, WORK_EYE_DISTANCE)
    scale = eye_distance / canvas.eye_distance
    size = (max(2, round(canvas.size[0] * scale)), max(2, round(canvas.size[1] * scale)))
    elsewhere = (resized(canvas.matte, size, cv2.INTER_AREA) <= PERSON).astype(np.uint8)
    face = cv2.convexHull((canvas.points[:468, :2] * scale).astype(np.int32))
    cv2.fillConvexPoly(elsewhere, face, [0.0])
    distance = cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / eye_distance
    smooth = cv2.GaussianBlur(distance, (0, 0), CREASES * eye_distance)
    follows = (1 - smoothstep(smooth, *RIM)).astype(np.float32)
    return resized(follows, canvas.size)


def at_nodes(follows: FloatArray, lattice: Lattice) -> FloatArray:
    """(rows, columns): what `following` found, at a lattice's nodes."""
    return sample(follows, np.dstack(lattice.nodes()).astype(np.float32))


def moving(follows: FloatArray, lattice: Lattice) -> NDArray[np.bool_]:
    """(height, width): where nodes that move are near, so that anything may change."""
    near = cv2.dilate((follows > 0).astype(np.uint8), np.ones((2 * lattice.step + 1,) * 2, np.uint8))
    return near.astype(np.bool_)
