"""Warps on a coarse lattice: sampling positions and the inversion of displacement fields."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.sampling import resized, sample
from spark_avatar.media.arrays import FloatArray

LEAST_DETERMINANT: Final = 0.15
"""Where the field nearly folds the Jacobian is inverted as if its determinant were this."""
LONGEST_STEP: Final = 3.0
"""Nodes a Newton step may go."""
JACOBIAN_KEPT: Final = 2
"""Steps that the same inverse Jacobian serves: it changes slowly along the way, and looking it up is half of a step's work."""
NEARLY_DONE: Final = 0.08
"""Nodes: one more step from here ends at the accuracy of the sampling, as Newton's method squares the error. (From twice as far
single nodes of steep fields end up to a pixel off.)"""

GENTLE_ROUNDS: Final = 3
AT_REST: Final = 0.05
"""Nodes that the last of these rounds may change a position by; what is left is this times the field's slope there."""
DAMPED_FROM: Final = 4
DAMPING: Final = np.float32(0.6)
"""Where a field nearly folds, full steps leap to and fro between both sides of the place; shorter ones settle."""


@dataclass(frozen=True)
class Lattice:
    """Nodes in the middle of cells of `step` x `step` pixels, the first cell's corner at (left, top) of the window."""

    left: int
    top: int
    columns: int
    rows: int
    step: int

    @classmethod
    def covering(cls, box: tuple[float, float, float, float], step: int) -> "Lattice":
        """The lattice over a box x0, y0, x1, y1 and one more cell all around, its cells aligned with the window's corner."""
        left, top = int(np.floor(box[0] / step)) - 1, int(np.floor(box[1] / step)) - 1
        columns, rows = int(np.ceil(box[2] / step)) + 1 - left, int(np.ceil(box[3] / step)) + 1 - top
        return cls(left * step, top * step, columns, rows, step)

    def nodes(self) -> tuple[FloatArray, FloatArray]:
        """Both coordinates of the nodes in window pixels, each (rows, columns)."""
        x = self.left + (np.arange(self.columns, dtype=np.float32) + 0.5) * self.step - 0.5
        y = self.top + (np.arange(self.rows, dtype=np.float32) + 0.5) * self.step - 0.5
        grid_x, grid_y = np.meshgrid(x, y)
        return grid_x, grid_y

    def indices(self) -> FloatArray:
        """(rows, columns, 2): column and row of every node."""
        x, y = np.meshgrid(np.arange(self.columns, dtype=np.float32), np.arange(self.rows, dtype=np.float32))
        return np.dstack([x, y])

    def enlarged(self, field: FloatArray, box: tuple[int, int, int, int]) -> FloatArray:
        """A field at the nodes, (rows, columns, channels), at every pixel of a box, linearly between nodes."""
        columns = self._cells(box[0] - self.left, box[2] - self.left, self.columns)
        rows = self._cells(box[1] - self.top, box[3] - self.top, self.rows)
        part = field[rows.start : rows.stop, columns.start : columns.stop]
        full = resized(part, (len(columns) * self.step, len(rows) * self.step))
        x, y = self.left + columns.start * self.step, self.top + rows.start * self.step
        return full[box[1] - y : box[3] - y, box[0] - x : box[2] - x]

    def _cells(self, start: int, end: int, count: int) -> range:
        """Cells whose nodes are needed between two distances from the lattice's corner, pixels."""
        return range(max(0, start // self.step - 1), min(count, -(-end // self.step) + 1))


def determinant(field: FloatArray, step: float) -> FloatArray:
    """Determinant of the Jacobian of x -> x + field(x) at the nodes; field is (rows, columns, 2) in pixels."""
    a, b, c, d = _jacobian(field * np.float32(1 / step))
    area: FloatArray = a * d - b * c
    return area


class Inverter:
    """Inverts forward displacement fields on one lattice.

    Most of a face moves by gentle fields, where a few rounds of the fixed-point iteration b <- -d(x + b) are enough. Lips
    stretch up to three times, where it diverges: the box of nodes that have not come to rest is solved by Newton's method, from
    the first guess. Fields are sampled between nodes by OpenCV, which rounds positions to 1/32 of a node: what is left of
    the error is of that size.
    """

    def __init__(self, lattice: Lattice, most_iterations: int) -> None:
        self.lattice = lattice
        self._most_iterations = most_iterations
        self._nodes: FloatArray = lattice.indices()

    def __call__(self, field: FloatArray, start: FloatArray | None = None) -> FloatArray:
        """Positions in nodes, (rows, columns, 2), from where the displacement leads to the nodes.

        `field` is (rows, columns, 2) in pixels; `start` a first guess of the positions.
        """
        nodes = self._nodes
        field = field * np.float32(1 / self.lattice.step)
        first = start if start is not None else nodes - field
        position = before = first
        for _ in range(GENTLE_ROUNDS):
            before, position = position, nodes - sample(field, position)
        left, top, columns, rows = _unsettled(position - before, AT_REST)
        if columns:
            box = np.s_[top : top + rows, left : left + columns]
            position[box] = first[box]
            self._newton(field, position[box], nodes[box])
        return position

    def _newton(self, field: FloatArray, position: FloatArray, nodes: FloatArray) -> None:
        """Solves for some of the nodes, from a first guess, in place; a node that is settled makes no further steps."""
        corner, inverse = _inverse_jacobian_around(field, position)
        for i in range(self._most_iterations):
            error = sample(field, position)
            cv2.add(error, position, dst=error)
            cv2.subtract(error, nodes, dst=error)
            if i % JACOBIAN_KEPT == 0:
                local = cv2.split(sample(inverse, position - corner))
            step = _product(local, error)
            np.minimum(np.maximum(step, -LONGEST_STEP, out=step), LONGEST_STEP, out=step)
            if i >= DAMPED_FROM:
                step *= DAMPING
            np.subtract(position, step, out=position)
            left, top, columns, rows = _unsettled(error, NEARLY_DONE)
            if not columns:
                break
            box = np.s_[top : top + rows, left : left + columns]
            position, nodes, local = position[box], nodes[box], [channel[box] for channel in local]


def _unsettled(error: FloatArray, most: float) -> tuple[int, int, int, int]:
    """Left, top, columns and rows of the least box around all nodes whose error, (rows, columns, 2), exceeds `most`."""
    settled = cv2.inRange(error, np.full(2, -most), np.full(2, most))
    left, top, columns, rows = cv2.boundingRect(cv2.bitwise_not(settled))
    return left, top, columns, rows


def _product(matrices: Sequence[cv2.typing.MatLike], vectors: FloatArray) -> FloatArray:
    """2 x 2 matrices, number by number, each (rows, columns), times vectors (rows, columns, 2)."""
    a, b, c, d = matrices
    x, y = cv2.split(vectors)
    along_x = cv2.add(cv2.multiply(a, x), cv2.multiply(b, y))
    along_y = cv2.add(cv2.multiply(c, x), cv2.multiply(d, y))
    return cv2.merge([along_x, along_y]).astype(np.float32, copy=False)


def _jacobian(field: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """dx/dx, dx/dy, dy/dx, dy/dy of x -> x + field(x), each (rows, columns); field in nodes."""
    along_x = cv2.Sobel(field, cv2.CV_32F, 1, 0, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    along_y = cv2.Sobel(field, cv2.CV_32F, 0, 1, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    a, c = (channel.astype(np.float32, copy=False) for channel in cv2.split(along_x))
    b, d = (channel.astype(np.float32, copy=False) for channel in cv2.split(along_y))
    return a + np.float32(1), b, c, d + np.float32(1)


def _inverse_jacobian_around(field: FloatArray, position: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Column and row where it begins, (2,), and the inverse Jacobian of the part of a field that Newton's steps may visit."""
    rows, columns = field.shape[:2]
    (left, right), (top, bottom) = (
        _around(channel, count) for channel, count in zip(cv2.split(position), (columns, rows), strict=True)
    )
    return np.array([left, top], dtype=np.float32), _inverse_jacobian(field[top:bottom, left:right])


def _around(places: cv2.typing.MatLike, count: int) -> tuple[int, int]:
    """First and last but one of the nodes, at least two of `count`, that steps from these places may visit."""
    lowest, highest, _, _ = cv2.minMaxLoc(places)
    low = min(max(0, math.floor(lowest - LONGEST_STEP)), count - 2)
    return low, max(low + 2, min(count, math.ceil(highest + LONGEST_STEP + 1)))


def _inverse_jacobian(field: FloatArray) -> FloatArray:
    """(rows, columns, 4): inverse Jacobian of x -> x + field(x), row by row; field in nodes."""
    a, b, c, d = _jacobian(field)
    scale = 1 / np.maximum(a * d - b * c, LEAST_DETERMINANT)
    inverse: FloatArray = cv2.merge([d * scale, -b * scale, -c * scale, a * scale]).astype(np.float32, copy=False)
    return inverse
