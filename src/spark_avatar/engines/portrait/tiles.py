"""Which parts of the window need what work: none, drawing, or drawing over the background."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Box, FloatArray

TILE: Final = 32
"""Pixels. Working strip by strip keeps the intermediate arrays in the processor's cache, and small."""
OPAQUE: Final = 0.997
"""Opacity from which on nothing is seen behind the person."""
SHARES: Final = (0.15, 0.3, 0.5, 1.0)
"""Of the furthest that limits let a head go: while it speaks it moves by a fifth of that, and there is less to do."""


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


@dataclass(frozen=True)
class Drawing:
    """What is to do in the window while nothing moves further than a reach."""

    reach: float
    """Pixels."""
    strips: tuple[Strip, ...]
    """Where the person may be."""
    bare: tuple[Box, ...]
    """Where a person who moves further may have been drawn before, and only background is seen."""


def moving_parts(moving: NDArray[np.bool_]) -> tuple[Drawing, ...]:
    """All that is ever drawn, (height, width), where the picture keeps its background."""
    return (Drawing(np.inf, _Tiles(moving, np.ones_like(moving)).strips(), ()),)


def drawings(opacity: FloatArray, furthest: float, always: Box, shares: tuple[float, ...] = SHARES) -> tuple[Drawing, ...]:
    """The work in a window with a person whose opacity is (height, width), for growing reaches up to `furthest` pixels.

    Tiles that touch the box `always` are drawn, whatever the opacity.
    """
    touched = _Tiles.of_person(opacity, furthest, always)
    return tuple(
        Drawing(
            share * furthest,
            (tiles := _Tiles.of_person(opacity, share * furthest, always)).strips(),
            touched.bare_beside(tiles),
        )
        for share in shares
    )


class _Tiles:
    """Of every tile, by row and column, whether anything is drawn, and whether it is solid."""

    def __init__(self, present: NDArray[np.bool_], solid: NDArray[np.bool_]) -> None:
        self._height, self._width = present.shape
        self.kinds = [
            [
                (bool(present[rows, left : left + TILE].any()), bool(solid[rows, left : left + TILE].all()))
                for left in range(0, self._width, TILE)
            ]
            for rows in self._rows()
        ]

    @classmethod
    def of_person(cls, opacity: FloatArray, reach: float, always: Box) -> Self:
        """For a person who moves so far."""
        size = 2 * int(np.ceil(reach)) + 1
        kernel = np.ones((size, size), np.uint8)
        present = cv2.dilate((opacity > 0).astype(np.uint8), kernel)
        x0, y0, x1, y1 = always
        present[y0:y1, x0:x1] = 1
        # By default OpenCV erodes as if the person went on beyond the window's edge: only what is inside can uncover background.
        solid = cv2.erode((opacity > OPAQUE).astype(np.uint8), kernel)
        return cls(present.astype(np.bool_), solid.astype(np.bool_))

    def strips(self) -> tuple[Strip, ...]:
        """What is drawn."""
        found: list[Strip] = []
        for rows, kinds in zip(self._rows(), self.kinds, strict=True):
            found += _joined(_runs(kinds, rows, self._width))
        return tuple(found)

    def bare_beside(self, others: "_Tiles") -> tuple[Box, ...]:
        """What is drawn here, and not there."""
        found: list[Box] = []
        for rows, kinds, theirs in zip(self._rows(), self.kinds, others.kinds, strict=True):
            only_here = [(mine[0] and not other[0], False) for mine, other in zip(kinds, theirs, strict=True)]
            found += [run.box for run in _runs(only_here, rows, self._width)]
        return tuple(found)

    def _rows(self) -> list[slice]:
        return [slice(top, min(top + TILE, self._height)) for top in range(0, self._height, TILE)]


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
