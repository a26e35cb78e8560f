"""Smooth curves through landmarks, and soft steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]


def curve_through(points: Array, at: Array) -> Array:
    """Height of the smooth, monotone-preserving curve through (n, 2) points at the abscissae `at`; flat beyond the ends.

    Points closer than 0.3 to their left neighbour are left out (on turned heads the far side crowds together).
    """
    ordered = points[np.argsort(points[:, 0])]
    kept = ordered[np.concatenate([[True], np.diff(ordered[:, 0]) > 0.3])]
    if len(kept) < 2:
        return np.full(np.shape(at), float(ordered[:, 1].mean()))
    inside = np.clip(at, kept[0, 0], kept[-1, 0])
    heights: Array = PchipInterpolator(kept[:, 0], kept[:, 1])(inside)
    return heights


def smoothstep(value: ArrayLike, start: float, end: float) -> Array:
    """0 before `start`, 1 after `end`, a cubic with flat ends between."""
    t = np.clip((np.asarray(value, dtype=np.float64) - start) / (end - start), 0.0, 1.0)
    stepped: Array = t * t * (3.0 - 2.0 * t)
    return stepped
