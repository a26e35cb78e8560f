"""How loud a recording is, and how much of it is noise."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve, Samples
from spark_avatar.speech.blocks import overlapping
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE

FLOOR_DB: Final = -100.0
"""Digital silence reads as this level."""

_HOP: Final = SAMPLE_RATE // FEATURE_RATE
_LOUD_PERCENTILE: Final = 95
_NOISE_PERCENTILE: Final = 10
# A click or a bump of a tenth of a second does not set the loud level.
_PEAK_FRAMES: Final = 5

# A constant offset, rumble and the mains (50 or 60 Hz) are neither voice nor a noise that masks one: with them in it, a pause is
# as loud as the speech around it. A Kaiser-windowed sinc takes 40 dB off what lies under 60 Hz and nothing above 100 Hz.
_CUT_HZ: Final = 80.0
LEVEL_MARGIN: Final = 480
"""Samples around a stretch that its level depends on: 30 ms."""
_KAISER_BETA: Final = 3.4
_STRETCH: Final = 5 * SAMPLE_RATE
_FFT_STEP: Final = 4096


@dataclass(frozen=True)
class Levels:
    """Levels of a recording in dB re full scale."""

    loud: float
    """95th percentile of the level where it is nearer to the peak than to the noise: a long silence changes nothing."""
    noise: float
    """Level of the quietest tenth."""


def short_time_level(samples: Samples, frames: int) -> Curve:
    """(frames,) at `FEATURE_RATE`: RMS of 40 ms around each frame's time in dB re full scale, at least `FLOOR_DB`, of what lies
    above rumble and hum.
    """
    stretches = overlapping((samples,), _STRETCH, LEVEL_MARGIN)
    power = [hop_power(around, before, min(_STRETCH, len(around) - before)) for before, around in stretches]
    return level_of_power(np.concatenate([np.zeros(0, np.float32), *power]), frames)


def hop_power(around: Samples, before: int, count: int) -> Curve:
    """(count / 320,), rounded up: mean square of every 20 ms without rumble, as if silence filled up the last ones, of `count`
    samples from `before` on. Around these are `LEVEL_MARGIN` samples, or the ends of the recording.
    """
    heard = _above_rumble(around, before, count)
    hops = np.pad(heard, (0, -count % _HOP)).reshape(-1, _HOP)
    power: Curve = np.square(hops).mean(axis=1).astype(np.float32)
    return power


def _above_rumble(around: Samples, before: int, count: int) -> NDArray[np.float64]:
    """(count,): mirrored at the ends of the recording, where an offset would else begin and end with a step."""
    first, last = before - LEVEL_MARGIN, before + count + LEVEL_MARGIN
    missing = (max(-first, 0), max(last - len(around), 0))
    extended = np.pad(around[max(first, 0) : last], missing, "symmetric")
    size = -(-len(extended) // _FFT_STEP) * _FFT_STEP  # what wraps around falls into the margin
    low = np.fft.irfft(np.fft.rfft(extended, size) * _rumble(size), size)[2 * LEVEL_MARGIN : 2 * LEVEL_MARGIN + count]
    high: NDArray[np.float64] = around[before : before + count] - low
    return high


@lru_cache(maxsize=2)
def _rumble(size: int) -> NDArray[np.complex128]:
    """(size / 2 + 1,): spectrum of the low-pass filter whose output is taken off (Oppenheim and Schafer, chapter 7)."""
    times = np.arange(-LEVEL_MARGIN, LEVEL_MARGIN + 1)
    taps = np.sinc(2 * _CUT_HZ / SAMPLE_RATE * times) * np.kaiser(len(times), _KAISER_BETA)
    spectrum: NDArray[np.complex128] = np.fft.rfft(taps / taps.sum(), size)
    return spectrum


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
