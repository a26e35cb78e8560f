"""Brows that stress what is said, and a friendly face."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times, band_limited_noise, ease, from_rest
from spark_avatar.media.arrays import Curve

# Brows rise on some accents (Cave et al. 1996: about half of the rises of pitch come with a rise of the brows) and where a
# phrase begins.
_ACCENT_CHANCE: Final = 0.4
_PHRASE_CHANCE: Final = 0.35
# Raised brows go with most questions (Srinivasan and Massaro 2003), from the last words until after them.
_QUESTION_CHANCE: Final = 0.8
_QUESTION_LEAD_SECONDS: Final = 0.3
_QUESTION_STRENGTH: Final = 1.3
_RISE: Final = (0.15, 0.4)
_RISING_SECONDS: Final = 0.14
_HELD_SECONDS: Final = (0.08, 0.3)
_FALLING_SECONDS: Final = 0.35
_OUTER_SHARE: Final = 0.7
_WANDER: Final = 0.035
_WANDER_SECONDS: Final = 0.9

_SMILE: Final = 0.05
_SMILE_WANDER: Final = 0.025
_SMILE_AFTER_PHRASE: Final = 0.07
_SMILE_SECONDS: Final = 1.4
_CHEEK_SHARE: Final = 0.5
_ASYMMETRY: Final = 0.12


def animate_expression(phrasing: Phrasing, times: Times, rng: np.random.Generator, *, amount: float) -> dict[str, Curve]:
    """Brow, smile and cheek shapes, each (frames,), zero in the first frame; `amount` scales all."""
    brows = _brows(phrasing, times, rng)
    smile = _smile(phrasing, times, rng)
    scale = amount * from_rest(times)
    left, right = 1 + rng.uniform(-_ASYMMETRY, _ASYMMETRY, 2)
    shapes = {
        "browInnerUp": brows,
        "browOuterUpLeft": _OUTER_SHARE * brows * left,
        "browOuterUpRight": _OUTER_SHARE * brows * right,
        "mouthSmileLeft": smile * left,
        "mouthSmileRight": smile * right,
        "cheekSquintLeft": _CHEEK_SHARE * smile * left,
        "cheekSquintRight": _CHEEK_SHARE * smile * right,
    }
    return {name: (scale * curve).astype(np.float32) for name, curve in shapes.items()}


def _brows(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> NDArray[np.float64]:
    raised = np.zeros(len(times))
    occasions = [(moment, _PHRASE_CHANCE, 1.0) for moment in phrasing.starts]
    occasions += [
        (moment, _ACCENT_CHANCE, min(strength, 1.5))
        for moment, strength in zip(phrasing.accents, phrasing.strengths, strict=True)
    ]
    occasions += [(end - _QUESTION_LEAD_SECONDS, _QUESTION_CHANCE, _QUESTION_STRENGTH) for end in phrasing.ends[phrasing.asks]]
    for moment, chance, strength in occasions:
        happens, rise, held = rng.random() < chance, rng.uniform(*_RISE), rng.uniform(*_HELD_SECONDS)
        if not happens:
            continue
        start, end = moment - _RISING_SECONDS, moment + held + _FALLING_SECONDS
        first, last = np.searchsorted(times, (start, end))
        now = times[first:last]
        lift = rise * strength * ease((now - start) / _RISING_SECONDS) * ease((end - now) / _FALLING_SECONDS)
        raised[first:last] = np.maximum(raised[first:last], lift)
    wander = _WANDER * np.abs(band_limited_noise(times, _WANDER_SECONDS, rng))
    return raised + wander


def _smile(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> NDArray[np.float64]:
    """A trace of a smile, warmer after a phrase."""
    smile = _SMILE + _SMILE_WANDER * np.tanh(band_limited_noise(times, _SMILE_SECONDS, rng))
    for end in phrasing.ends:
        first, last = np.searchsorted(times, (end - 0.1, end + 1.5))
        since = times[first:last] - end + 0.1
        smile[first:last] += _SMILE_AFTER_PHRASE * ease(since / 0.4) * ease((1.6 - since) / 0.8)
    return smile
