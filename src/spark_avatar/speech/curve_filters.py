"""Filters for curves with one value per step.

SciPy has them all, but `scipy.ndimage` takes longer to import than a minute of speech to filter: 0.15 s of processor time at the
start of every render.
"""

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Edge = Literal["edge", "symmetric"]
"""How a curve goes on beyond its ends, as `numpy.pad` names it: with its last value, or mirrored."""

Value = TypeVar("Value", bound=np.generic)

_REACH = 4.0
"""Standard deviations after which a Gaussian is cut off."""


def gaussian(curve: NDArray[np.floating[Any]], sigma: float, edge: Edge = "edge") -> Floats:
    """(n,): a curve through a Gaussian of that standard deviation in steps."""
    radius = int(_REACH * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    smooth: Floats = np.convolve(np.pad(np.asarray(curve, np.float64), radius, edge), weights / weights.sum(), mode="valid")
    return smooth


def mean(curve: NDArray[np.floating[Any]], size: int) -> Floats:
    """(n,): means over `size` steps around each, the middle one being the later of two; mirrored at the ends."""
    means: Floats = _windows(np.asarray(curve, np.float64), size, "symmetric").mean(axis=1)
    return means


def maximum(curve: NDArray[Value], size: int) -> NDArray[Value]:
    """(n,): the greatest of `size` steps around each, placed as by `mean`; of flags, whether any is set."""
    greatest: NDArray[Value] = _windows(curve, size, "symmetric").max(axis=1)
    return greatest


def median(curve: NDArray[Value], size: int) -> NDArray[Value]:
    """(n,): medians of `size` steps, an odd number, around each."""
    middle = size // 2
    return np.partition(_windows(curve, size, "edge"), middle, axis=1)[:, middle]


def stretches(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """(n,): 0 where a flag is not set, else the number, from 1, of the stretch of set flags that it is in; and their count."""
    begins = flags & ~np.concatenate([[False], flags[:-1]])
    numbers: NDArray[np.int64] = np.where(flags, np.cumsum(begins), 0)
    return numbers, int(begins.sum())


def _windows(curve: NDArray[Value], size: int, edge: Edge) -> NDArray[Value]:
    """(n, size): what lies around every step."""
    padded = np.pad(curve, (size // 2, size - 1 - size // 2), edge)
    return np.lib.stride_tricks.sliding_window_view(padded, size)
