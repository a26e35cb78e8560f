"""Which parts of the window need what work: none, drawing, or drawing over the background."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.background import OPAQUE
from spark_avatar.media.arrays import Box, FloatArray

TILE: Final = 32
"""Pixels. Working strip by strip keeps the intermediate arrays in the processor's cache, and small."""


@dataclass(frozen=True)
class Run:
    """Neighbouring tiles of one row that need the same work."""

    box: Box
    solid: bool
    """Only the person is ever seen here; otherwise background may show."""


@dataclass(frozen=True)
class Strip:
    """Neighbouring runs of one row: drawn from one piece of the texture."""

    box: Box
    runs: tuple[Run, ...]


def whole_window(width: int, height: int) -> list[Strip]:
    """Strips where there is no background and all of the window is drawn."""
    boxes = [(0, y0, width, min(y0 + TILE, height)) for y0 in range(0, height, TILE)]
    return [Strip(box, (Run(box, solid=True),)) for box in boxes]


def strips(opacity: FloatArray, reach: float, always: Box) -> list[Strip]:
    """The parts of a window that a person whose opacity is (height, width), moving by up to `reach` pixels, may touch.

    Tiles that touch the box `always` are among them, whatever the opacity.
    """
    height, width = opacity.shape
    size = 2 * int(np.ceil(reach)) + 1
    kernel = np.ones((size, size), np.uint8)
    present = cv2.dilate((opacity > 0).astype(np.uint8), kernel)
    x0, y0, x1, y1 = always
    present[y0:y1, x0:x1] = 1
    # By default OpenCV erodes as if the person went on beyond the window's edge: only what is inside can uncover background.
    solid = cv2.erode((opacity > OPAQUE).astype(np.uint8), kernel)
    found = []
    for top in range(0, height, TILE):
        rows = slice(top, min(top + TILE, height))
        kinds = [
            (bool(present[rows, left : left + TILE].any()), bool(solid[rows, left : left + TILE].all()))
            for left in range(0, width, TILE)
        ]
        found += _joined(_runs(kinds, rows, width))
    return found


def _runs(kinds: list[tuple[bool, bool]], rows: slice, width: int) -> list[Run]:
    """Runs of one row of tiles; `kinds` tells of each tile whether anything is drawn, and whether it is solid."""
    found, start = [], 0
    for i in range(1, len(kinds) + 1):
        if i == len(kinds) or kinds[i] != kinds[start]:
            if kinds[start][0]:
                found.append(Run((start * TILE, rows.start, min(i * TILE, width), rows.stop), kinds[start][1]))
            start = i
    return found


def _joined(row: list[Run]) -> list[Strip]:
    """Runs of one row, left to right, joined where they touch."""
    groups: list[list[Run]] = []
    for run in row:
        if groups and groups[-1][-1].box[2] == run.box[0]:
            groups[-1].append(run)
        else:
            groups.append([run])
    return [Strip((*group[0].box[:2], *group[-1].box[2:]), tuple(group)) for group in groups]
