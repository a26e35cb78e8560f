"""Which parts of the window need what work: none, drawing, or drawing over the background."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.background import OPAQUE
from spark_avatar.media.arrays import FloatArray

TILE: Final = 32
"""Pixels. Working tile by tile also keeps the intermediate arrays in the processor's cache."""


@dataclass(frozen=True)
class Run:
    """Neighbouring tiles of one row that need the same work."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the window."""
    solid: bool
    """Only the person is ever seen here; otherwise background may show."""


def runs(opacity: FloatArray, reach: float) -> list[Run]:
    """The parts of a window that a person whose opacity is (height, width), moving by up to `reach` pixels, may touch."""
    height, width = opacity.shape
    size = 2 * int(np.ceil(reach)) + 1
    kernel = np.ones((size, size), np.uint8)
    present = cv2.dilate((opacity > 0).astype(np.uint8), kernel)
    # By default OpenCV erodes as if the person went on beyond the window's edge: only what is inside can uncover background.
    solid = cv2.erode((opacity > OPAQUE).astype(np.uint8), kernel)
    found = []
    for y0 in range(0, height, TILE):
        y1 = min(y0 + TILE, height)
        kinds = [
            (bool(present[y0:y1, x0 : x0 + TILE].any()), bool(solid[y0:y1, x0 : x0 + TILE].all())) for x0 in range(0, width, TILE)
        ]
        start = 0
        for i in range(1, len(kinds) + 1):
            if i == len(kinds) or kinds[i] != kinds[start]:
                if kinds[start][0]:
                    found.append(Run((start * TILE, y0, min(i * TILE, width), y1), kinds[start][1]))
                start = i
    return found
