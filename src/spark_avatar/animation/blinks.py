"""Blinks of a speaking person."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times, ease
from spark_avatar.media.arrays import Curve

# Speakers blink 15-30 times a minute at log-normally spread intervals (Bentivoglio et al. 1997: 26; filmed clips here: 24).
_MEDIAN_INTERVAL: Final = 2.2
_INTERVAL_SPREAD: Final = 0.55
_SHORTEST_INTERVAL: Final = 0.7
_FIRST_BLINK: Final = (0.6, 2.2)
# Blinks gather where a phrase ends (Nakano and Kitazawa 2010).
_REACH_SECONDS: Final = 1.0
_AFTER_PHRASE: Final = (-0.05, 0.25)
_DOUBLE: Final = 0.07
_DOUBLE_GAP: Final = (0.34, 0.45)
_HALF: Final = 0.1
_HALF_DEPTH: Final = (0.5, 0.75)
# Lids fall fast and rise slowly (Evinger et al. 1991). The hold is longer than a frame at 24 per second, so that every
# blink is seen to close.
_CLOSING: Final = (0.075, 0.10)
_HELD: Final = 0.045
_OPENING: Final = (0.14, 0.20)


def animate_blinks(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> dict[str, Curve]:
    """`eyeBlinkLeft` and `eyeBlinkRight`, each (frames,); open in the first and the last frame."""
    lid = np.zeros(len(times), np.float32)
    for start in _starts(float(times[-1]), phrasing, rng):
        depth = rng.uniform(*_HALF_DEPTH) if rng.random() < _HALF else 1.0
        closing, opening = rng.uniform(*_CLOSING), rng.uniform(*_OPENING)
        end = start + closing + _HELD + opening
        first, last = np.searchsorted(times, (start, end))
        since = times[first:last] - start
        blink = ease(since / closing) * ease((end - start - since) / opening)
        lid[first:last] = np.maximum(lid[first:last], depth * blink)
    return {"eyeBlinkLeft": lid, "eyeBlinkRight": lid}


def _starts(seconds: float, phrasing: Phrasing, rng: np.random.Generator) -> NDArray[np.float64]:
    """Times at which blinks begin."""
    whole = _CLOSING[1] + _HELD + _OPENING[1]
    starts: list[float] = []
    moment = rng.uniform(*_FIRST_BLINK)
    while True:
        moment = _drawn_to_phrase_end(moment, phrasing, rng)
        if starts:
            moment = max(moment, starts[-1] + _SHORTEST_INTERVAL)
        if moment + whole >= seconds:
            return np.array(starts)
        starts.append(moment)
        if rng.random() < _DOUBLE and moment + _DOUBLE_GAP[1] + whole < seconds:
            moment += rng.uniform(*_DOUBLE_GAP)
            starts.append(moment)
        moment += max(_SHORTEST_INTERVAL, _MEDIAN_INTERVAL * np.exp(rng.normal(0, _INTERVAL_SPREAD)))


def _drawn_to_phrase_end(moment: float, phrasing: Phrasing, rng: np.random.Generator) -> float:
    """A blink due near the end of a phrase happens there."""
    offset = rng.uniform(*_AFTER_PHRASE)
    if len(phrasing.ends) == 0:
        return moment
    nearest = float(phrasing.ends[np.abs(phrasing.ends - moment).argmin()])
    return max(nearest + offset, 0.1) if abs(nearest - moment) < _REACH_SECONDS else moment
