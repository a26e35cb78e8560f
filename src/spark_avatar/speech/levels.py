"""How loud a recording is, and how much of it is noise."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spark_avatar.media.arrays import Curve, Samples
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE

FLOOR_DB: Final = -100.0
"""Digital silence reads as this level."""

_HOP: Final = SAMPLE_RATE // FEATURE_RATE
_LOUD_PERCENTILE: Final = 95
_NOISE_PERCENTILE: Final = 10
# A click or a bump of a tenth of a second does not set the loud level.
_PEAK_FRAMES: Final = 5


@dataclass(frozen=True)
class Levels:
    """Levels of a recording in dB re full scale."""

    loud: float
    """95th percentile of the level where it is nearer to the peak than to the noise: a long silence changes nothing."""
    noise: float
    """Level of the quietest tenth."""


def short_time_level(samples: Samples, frames: int) -> Curve:
    """(frames,) at `FEATURE_RATE`: RMS of 40 ms around each frame's time in dB re full scale, at least `FLOOR_DB`."""
    return level_of_power(hop_power(samples), frames)


def hop_power(samples: Samples) -> Curve:
    """(n / 320,), rounded up: mean square of every 20 ms, as if silence filled up the last ones."""
    whole = len(samples) // _HOP
    hops = samples[: whole * _HOP].reshape(whole, _HOP)
    power = np.zeros(-(-len(samples) // _HOP), np.float32)
    power[:whole] = np.einsum("ij,ij->i", hops, hops) / _HOP
    power[whole:] = np.square(samples[whole * _HOP :]).sum() / _HOP
    return power


def level_of_power(power: Curve, frames: int) -> Curve:
    """`short_time_level` of what `hop_power` gives, also where that came in blocks of whole hops."""
    energy = np.zeros(frames + 1, np.float32)
    energy[1 : len(power) + 1] = power[:frames]
    level: Curve = (10 * np.log10((energy[:-1] + energy[1:]) / 2 + 10 ** (FLOOR_DB / 10))).astype(np.float32)
    return level


def measure_levels(loudness: Curve) -> Levels:
    """Loud and noise level of a short-time level, (n,), n >= 1."""
    noise = float(np.percentile(loudness, _NOISE_PERCENTILE))
    peak = float(np.sort(loudness)[-min(_PEAK_FRAMES, len(loudness))])
    upper = loudness[loudness >= min(peak, (noise + peak) / 2)]
    return Levels(loud=float(np.percentile(upper, _LOUD_PERCENTILE)), noise=noise)
