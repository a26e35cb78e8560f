"""Smooth curves through landmarks, and soft steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    return _monotone_cubic(kept[:, 0], kept[:, 1], inside)


def smoothstep(value: ArrayLike, start: float, end: float) -> Array:
    """0 before `start`, 1 after `end`, a cubic with flat ends between."""
    t = np.clip((np.asarray(value, dtype=np.float64) - start) / (end - start), 0.0, 1.0)
    stepped: Array = t * t * (3.0 - 2.0 * t)
    return stepped


def _monotone_cubic(x: Array, y: Array, at: Array) -> Array:
    """The piecewise cubic through (n,) points that overshoots none of them (Fritsch and Butland 1984), inside their range.

    The same curve as SciPy's PchipInterpolator; its package alone takes a tenth of a second to load.
    """
    slopes = _monotone_slopes(x, y)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    width = (x[1:] - x[:-1])[i]
    t = (at - x[i]) / width
    start, end = (1 + 2 * t) * (1 - t) ** 2 * y[i], t**2 * (3 - 2 * t) * y[i + 1]
    heights: Array = start + end + t * (1 - t) * width * ((1 - t) * slopes[i] - t * slopes[i + 1])
    return heights


def _monotone_slopes(x: Array, y: Array) -> Array:
    """(n,): slopes at the points; weighted harmonic means of the slopes beside them, 0 at peaks and dips."""
    width, rise = np.diff(x), np.diff(y) / np.diff(x)
    if len(rise) == 1:
        return np.repeat(rise, 2)
    before, after = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    same = rise[:-1] * rise[1:] > 0
    safe_left, safe_right = np.where(same, rise[:-1], 1), np.where(same, rise[1:], 1)
    inner = np.where(same, (before + after) / (before / safe_left + after / safe_right), 0)
    first = _end_slope(width[0], width[1], rise[0], rise[1])
    last = _end_slope(width[-1], width[-2], rise[-1], rise[-2])
    return np.concatenate([[first], inner, [last]])


def _end_slope(width: float, next_width: float, rise: float, next_rise: float) -> float:
    """Of the parabola through the three points at an end, limited so that the curve stays monotone."""
    slope = ((2 * width + next_width) * rise - width * next_rise) / (width + next_width)
    if slope * rise <= 0:
        return 0.0
    if rise * next_rise <= 0 and abs(slope) > 3 * abs(rise):
        return float(3 * rise)
    return float(slope)
