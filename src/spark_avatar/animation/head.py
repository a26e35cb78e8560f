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

# Standard deviations in degrees of posture (seconds), restlessness (fractions of a second) and of what is faster. Filmed
# speakers turn by 4.5, 3.4, 3.1 (total 2.1-10.5); a picture bears less before its unseen sides are missed. Over 5 Hz the upper
# face of eight filmed speakers moves by 1.6-10.6 thousandths of E, 1.3-2.7 of which the head does in the four looked at.
_POSTURE: Final = (4.2, 2.9, 2.6)
_POSTURE_SECONDS: Final = 0.7
_RESTLESSNESS: Final = (1.5, 1.2, 0.9)
_RESTLESSNESS_SECONDS: Final = 0.24
_TREMOR: Final = (0.21, 0.20, 0.17)
_TREMOR_SECONDS: Final = 0.025
_STILLER_IN_SILENCE: Final = 0.65

# The head goes along with every syllable (Munhall et al. 2004: loudness and pitch explain most of a speaker's head motion): down
# by so many degrees per dB over what was said just before and after.
_BOB_PER_DB: Final = 0.07
_BOB_MOST_DB: Final = 10.0
_BOB_SECONDS: Final = (0.035, 0.25)

# Heads nod on syllables that stand out (Hadar et al. 1983; Munhall et al. 2004).
_NOD_CHANCE: Final = 0.55
_NOD_DEGREES: Final = 1.5
_NOD_UP_CHANCE: Final = 0.15
_NOD_LEAD_SECONDS: Final = 0.03
_NOD_FALL_SECONDS: Final = 0.10
_NOD_RETURN_SECONDS: Final = 0.20

# A phrase ends with the head settling; where it is a question, with the chin rising and the head tilting.
_SETTLE_CHANCE: Final = 0.5
_SETTLE_DEGREES: Final = (0.8, 1.8)
_SETTLE_SECONDS: Final = (0.22, 0.5)
_ASKING_DEGREES: Final = (-1.6, 2.2)
"""Pitch and roll."""

# Standard deviation of the shift in E, and how far down a nod of a degree takes the head. Within two seconds filmed heads shift
# by 0.028-0.17 across, 0.017-0.11 down and 0.029-0.15 in depth, and go down by 0.004-0.010 per degree of a nod.
_SWAY: Final = (0.024, 0.010, 0.030)
_SWAY_SECONDS: Final = 1.1
_NOD_LOWERS: Final = 0.005


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
    """Slow changes of posture, small restlessness, and what goes with the speech: bobs on syllables, nods on accents, settling
    where phrases end. `amount` scales all, `beats` what goes with the speech.
    """
    liveliness = _liveliness(features, times)
    axes = [
        posture * band_limited_noise(times, _POSTURE_SECONDS, rng)
        + restless * liveliness * band_limited_noise(times, _RESTLESSNESS_SECONDS, rng)
        + tremor * liveliness * band_limited_noise(times, _TREMOR_SECONDS, rng)
        for posture, restless, tremor in zip(_POSTURE, _RESTLESSNESS, _TREMOR, strict=True)
    ]
    settling, tilting = _phrase_ends(phrasing, times, rng)
    axes[1] = axes[1] + beats * (_nods(phrasing, times, rng) + _bobs(features, times) + settling)
    axes[2] = axes[2] + beats * tilting
    start = from_rest(times)
    rotation = np.stack([limit * np.tanh(amount * start * axis / limit) for axis, limit in zip(axes, LIMITS, strict=True)], 1)
    sway = np.stack([size * np.tanh(band_limited_noise(times, _SWAY_SECONDS, rng) / 2) * 2 for size in _SWAY], 1)
    translation = amount * start[:, None] * sway
    translation[:, 1] += _NOD_LOWERS * rotation[:, 1]
    return HeadMotion(rotation.astype(np.float32), translation.astype(np.float32))


def _liveliness(features: SpeechFeatures, times: Times) -> NDArray[np.float64]:
    """1 in speech, less in silence."""
    speaking = sample(smooth(features.activity.astype(np.float32), 0.4), times)
    lively: NDArray[np.float64] = _STILLER_IN_SILENCE + (1 - _STILLER_IN_SILENCE) * speaking.astype(np.float64)
    return lively


def _bobs(features: SpeechFeatures, times: Times) -> NDArray[np.float64]:
    """Degrees of pitch: down where the voice is louder than around."""
    fast, slow = _BOB_SECONDS
    loudness = np.maximum(features.loudness, features.diagnostics.loudness_db - 40)
    over = np.clip(smooth(loudness, fast) - smooth(loudness, slow), -_BOB_MOST_DB, _BOB_MOST_DB)
    spoken = smooth(features.activity.astype(np.float32), 0.1)
    return _BOB_PER_DB * sample(over * spoken, times).astype(np.float64)


def _phrase_ends(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees of pitch and roll around the ends of phrases."""
    pitch, roll = np.zeros(len(times)), np.zeros(len(times))
    for end, asks in zip(phrasing.ends, phrasing.asks, strict=True):
        settles, size, side = rng.random() < _SETTLE_CHANCE, rng.uniform(*_SETTLE_DEGREES), rng.choice((-1.0, 1.0))
        if not settles and not asks:
            continue
        falling, returning = _SETTLE_SECONDS
        first, last = np.searchsorted(times, (end - 4 * falling, end + 4 * returning))
        since = times[first:last] - end
        course = np.exp(-0.5 * (since / np.where(since < 0, falling, returning)) ** 2)
        pitch[first:last] += (_ASKING_DEGREES[0] if asks else size) * course
        roll[first:last] += (side * _ASKING_DEGREES[1] if asks else 0.0) * course
    return pitch, roll


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
