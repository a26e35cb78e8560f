"""How the head moves while somebody speaks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times, band_limited_noise, from_rest, sample, smooth
from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.features import SpeechFeatures

LIMITS: Final = (10.0, 10.0, 8.0)
"""Greatest yaw, pitch and roll in degrees."""

# Standard deviations in degrees of posture (seconds) and of restlessness (fractions of a second). Filmed speakers turn by
# 4.5, 3.4, 3.1 (total 2.1-10.5); a picture bears less before its unseen sides are missed.
_POSTURE: Final = (3.8, 2.4, 2.4)
_POSTURE_SECONDS: Final = 0.7
_RESTLESSNESS: Final = (1.2, 0.9, 0.7)
_RESTLESSNESS_SECONDS: Final = 0.24
_STILLER_IN_SILENCE: Final = 0.65

# Heads nod on syllables that stand out (Hadar et al. 1983; Munhall et al. 2004).
_NOD_CHANCE: Final = 0.55
_NOD_DEGREES: Final = 1.5
_NOD_UP_CHANCE: Final = 0.15
_NOD_LEAD_SECONDS: Final = 0.03
_NOD_FALL_SECONDS: Final = 0.10
_NOD_RETURN_SECONDS: Final = 0.20

_SWAY: Final = (0.010, 0.006, 0.020)
"""Standard deviation of the shift in E."""
_SWAY_SECONDS: Final = 1.1


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """Relative to the portrait; zero in the first frame."""

    rotation: FloatArray
    """(frames, 3): yaw, pitch, roll in degrees within `LIMITS`."""
    translation: FloatArray
    """(frames, 3) in E."""


def animate_head(
    features: SpeechFeatures, phrasing: Phrasing, times: Times, rng: np.random.Generator, *, amount: float, beats: float
) -> HeadMotion:
    """Slow changes of posture, small restlessness and nods on accents; `amount` scales all, `beats` the nods."""
    liveliness = _liveliness(features, times)
    axes = [
        posture * band_limited_noise(times, _POSTURE_SECONDS, rng)
        + restless * liveliness * band_limited_noise(times, _RESTLESSNESS_SECONDS, rng)
        for posture, restless in zip(_POSTURE, _RESTLESSNESS, strict=True)
    ]
    axes[1] = axes[1] + beats * _nods(phrasing, times, rng)
    start = from_rest(times)
    rotation = np.stack([limit * np.tanh(amount * start * axis / limit) for axis, limit in zip(axes, LIMITS, strict=True)], 1)
    sway = np.stack([size * np.tanh(band_limited_noise(times, _SWAY_SECONDS, rng) / 2) * 2 for size in _SWAY], 1)
    return HeadMotion(rotation.astype(np.float32), (amount * start[:, None] * sway).astype(np.float32))


def _liveliness(features: SpeechFeatures, times: Times) -> NDArray[np.float64]:
    """1 in speech, less in silence."""
    speaking = sample(smooth(features.activity.astype(np.float32), 0.4), times)
    lively: NDArray[np.float64] = _STILLER_IN_SILENCE + (1 - _STILLER_IN_SILENCE) * speaking.astype(np.float64)
    return lively


def _nods(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> NDArray[np.float64]:
    """Degrees of pitch: short dips that are deepest at an accented syllable."""
    pitch = np.zeros(len(times))
    for accent, strength in zip(phrasing.accents, phrasing.strengths, strict=True):
        nods, up, size = rng.random() < _NOD_CHANCE, rng.random() < _NOD_UP_CHANCE, rng.uniform(0.7, 1.3)
        if not nods:
            continue
        peak = accent - _NOD_LEAD_SECONDS
        first, last = np.searchsorted(times, (peak - 4 * _NOD_FALL_SECONDS, peak + 4 * _NOD_RETURN_SECONDS))
        since = times[first:last] - peak
        width = np.where(since < 0, _NOD_FALL_SECONDS, _NOD_RETURN_SECONDS)
        pitch[first:last] += (-1 if up else 1) * size * strength * _NOD_DEGREES * np.exp(-0.5 * (since / width) ** 2)
    return pitch
