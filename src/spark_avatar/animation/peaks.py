"""Peaks of curves. SciPy has them too, but its signal package takes a quarter of a second to load: a tenth of a short job."""

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve

Indices = NDArray[np.intp]


def find_peaks(curve: Curve | NDArray[np.float64], *, height: float = -np.inf, distance: int = 1) -> Indices:
    """Where (n,) values are higher than those around them, in order; of a level top its middle. The ends are no peaks.

    Peaks are at least `height` high and `distance` samples apart: the higher ones stay.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(curve)) + 1])
    values = curve[starts]
    higher = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:]) & (values[1:-1] >= height)) + 1
    peaks = (starts[higher] + starts[higher + 1] - 1) // 2
    return _spaced(peaks, curve[peaks], distance)


def _spaced(peaks: Indices, heights: NDArray[np.float32] | NDArray[np.float64], distance: int) -> Indices:
    kept = np.ones(len(peaks), dtype=bool)
    for i in np.argsort(heights, kind="stable")[::-1]:
        if kept[i]:
            near = np.abs(peaks - peaks[i]) < distance
            near[i] = False
            kept &= ~near
    spaced: Indices = peaks[kept]
    return spaced
