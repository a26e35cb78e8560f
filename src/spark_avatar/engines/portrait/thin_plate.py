"""Smoothing thin-plate splines: smooth displacement fields from scattered points.

Duchon (1977); Wahba, Spline Models for Observational Data (1990), chapter 2: kernel r^2 log r, an affine part, and a weight
per point by which it is smoothed instead of interpolated.
"""

from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray

Array = NDArray[np.float64]
AnyArray = TypeVar("AnyArray", Array, FloatArray)

CHUNK: Final = 256
"""Places evaluated at once: with 500 points, half a megabyte, which stays in the processor's cache."""


class ThinPlateSpline:
    """Several fields through the same points, solved together.

    `points` is (n, 2), `values` (n, fields), `smoothing` a scalar or (n,): 0 interpolates. Lengths should be of order 1.
    """

    def __init__(self, points: Array, values: Array, smoothing: Array | float) -> None:
        count = len(points)
        system = np.zeros((count + 3, count + 3))
        difference = points[:, None] - points[None]
        system[:count, :count] = _kernel(np.einsum("ijk,ijk->ij", difference, difference))
        system[np.arange(count), np.arange(count)] += smoothing
        system[:count, count] = system[count, :count] = 1.0
        system[:count, count + 1 :] = points
        system[count + 1 :, :count] = points.T
        right_side = np.zeros((count + 3, values.shape[1]))
        right_side[:count] = values
        self._points = points.astype(np.float32)
        self._coefficients = np.linalg.solve(system, right_side).astype(np.float32)

    def __call__(self, places: FloatArray) -> FloatArray:
        """Fields at (m, 2) places: (m, fields)."""
        count = len(self._points)
        result = np.empty((len(places), self._coefficients.shape[1]), dtype=np.float32)
        for start in range(0, len(places), CHUNK):
            part = places[start : start + CHUNK].astype(np.float32)
            squared = np.square(part[:, :1] - self._points[:, 0])
            squared += np.square(part[:, 1:] - self._points[:, 1])
            affine = self._coefficients[count] + part @ self._coefficients[count + 1 :]
            result[start : start + CHUNK] = _kernel(squared) @ self._coefficients[:count] + affine
        return result


def _kernel(squared_distance: AnyArray) -> AnyArray:
    """r^2 log r of r^2, which is overwritten."""
    logarithm = cv2.log(np.maximum(squared_distance, 1e-12))  # four times as fast as NumPy's
    squared_distance *= logarithm
    squared_distance *= 0.5
    return squared_distance
