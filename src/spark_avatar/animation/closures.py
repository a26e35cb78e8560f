"""Lips that meet: /p b m/ must show in at least one frame, however the frames fall."""

from typing import Final

import numpy as np

from spark_avatar.animation.peaks import find_peaks
from spark_avatar.animation.sampling import Times
from spark_avatar.media.arrays import Curve
from spark_avatar.speech.features import FEATURE_RATE

# In synthesised voices that the network never heard, 94-98 % of the bilabials have a peak over 0.17, and 65-85 % of the peaks
# lie in or within 60 ms of one; most others lie in n, d and t, where the lips are near each other anyway.
_CLOSED: Final = 0.17
# Lower peaks are the doubtful ones: their lips meet, but for no longer than it takes to be seen. On four filmed speakers the
# opening follows the film better so (mean r +0.008), and as many closures are met.
_SURE: Final = 0.5
_HELD_SHARE: Final = 0.6
_LONGEST_HOLD_SECONDS: Final = 0.16
_FLANK_SECONDS: Final = 0.04
"""Time that lips take to meet or to part."""


def closure_of_lips(close: Curve, times: Times) -> Curve:
    """(frames,), 0..1: 1 while the lips are together.

    `close` (n,) is the network's channel at `FEATURE_RATE`; every peak of it becomes a closure. Sampling the channel at the
    frames would miss short ones, so a closure covers the frame nearest to its middle, and a doubtful one no other.
    """
    closing = np.zeros(len(times), np.float32)
    peaks = find_peaks(np.pad(close, 1), height=_CLOSED, distance=2)
    for peak in peaks - 1:
        start = end = _nearest(times, peak / FEATURE_RATE)
        if close[peak] >= _SURE:
            held_from, held_until = _hold(close, int(peak))
            start, end = min(start, held_from), max(end, held_until)
        first, last = np.searchsorted(times, (start - _FLANK_SECONDS, end + _FLANK_SECONDS))
        outside = np.maximum(start - times[first:last], times[first:last] - end)
        flank = 0.5 + 0.5 * np.cos(np.pi * np.clip(outside / _FLANK_SECONDS, 0, 1))
        closing[first:last] = np.maximum(closing[first:last], flank)
    return closing


def _nearest(times: Times, moment: float) -> float:
    """The frame shown nearest to a moment; `times` are evenly spaced."""
    if len(times) == 1:
        return float(times[0])
    index = round((moment - times[0]) / (times[1] - times[0]))
    return float(times[np.clip(index, 0, len(times) - 1)])


def _hold(close: Curve, peak: int) -> tuple[float, float]:
    """Seconds between which the channel stays near its peak."""
    reach = int(_LONGEST_HOLD_SECONDS / 2 * FEATURE_RATE)
    threshold = _HELD_SHARE * close[peak]
    first = last = peak
    while first > max(0, peak - reach) and close[first - 1] >= threshold:
        first -= 1
    while last < min(len(close) - 1, peak + reach) and close[last + 1] >= threshold:
        last += 1
    # The edges of the hold are where the lips are about to part.
    return min(first / FEATURE_RATE + 0.01, peak / FEATURE_RATE), max(last / FEATURE_RATE - 0.01, peak / FEATURE_RATE)
