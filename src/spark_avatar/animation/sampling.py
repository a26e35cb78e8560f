"""From curves at the rate of the analysis to one value per video frame."""

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve
from spark_avatar.speech.curve_filters import gaussian
from spark_avatar.speech.features import FEATURE_RATE

Times = NDArray[np.float64]
"""(frames,) or (n,), seconds."""

_START_SECONDS: Final = 1.2


def frame_times(count: int, rate: Fraction) -> Times:
    """When each video frame is shown."""
    return np.arange(count) * (rate.denominator / rate.numerator)


def sample(curve: Curve, times: Times) -> Curve:
    """A curve at `FEATURE_RATE` at other times; the ends go on for ever."""
    values: Curve = np.interp(times * FEATURE_RATE, np.arange(len(curve)), curve).astype(np.float32)
    return values


def smooth(curve: Curve, seconds: float) -> Curve:
    """A curve at `FEATURE_RATE` through a Gaussian of that standard deviation."""
    values: Curve = gaussian(curve, seconds * FEATURE_RATE).astype(np.float32)
    return values


def ease(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 before 0, 1 after 1, and the path of least jerk between (Flash and Hogan 1985)."""
    x = np.clip(phase, 0, 1)
    eased: NDArray[np.float64] = x**3 * (10 - 15 * x + 6 * x**2)
    return eased


def from_rest(times: Times) -> NDArray[np.float64]:
    """0 in the first frame, 1 from 1.2 s on: motion sets out from the portrait as it is."""
    return ease(times / _START_SECONDS)


def band_limited_noise(times: Times, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth random motion of unit variance: white noise through a Gaussian of `seconds`, at every time.

    Stationary: it neither loops nor drifts. The same generator gives the same motion at any frame rate, and as many of its
    numbers are used up.
    """
    (rng,) = rng.spawn(1)
    margin = 4 * seconds
    step = seconds / 6
    knots = int(np.ceil((float(times[-1]) + 2 * margin) / step)) + 2
    white = rng.standard_normal(knots)
    sigma = seconds / step
    # Variance of white noise after a Gaussian filter: 1 / (2 sqrt(pi) sigma).
    smoothed = gaussian(white, sigma) * np.sqrt(2 * np.sqrt(np.pi) * sigma)
    values: NDArray[np.float64] = np.interp(times + margin, np.arange(knots) * step, smoothed)
    return values
