"""Melody of the voice."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech import curve_filters
from spark_avatar.speech.blocks import overlapping
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE, stretch

_RATE: Final = 4000
"""Enough for the fundamental and its first harmonics, and a quarter of the work."""
_STEP: Final = SAMPLE_RATE // _RATE
_HOP: Final = _RATE // FEATURE_RATE
_LOWEST_HZ: Final = 60
_HIGHEST_HZ: Final = 500
# Three periods of the lowest pitch.
_WINDOW: Final = 3 * _RATE // _LOWEST_HZ
_FFT_SIZE: Final = 512
# Blocks of 5 s of frames and of half a second of slowed samples: memory for intermediate results stays small.
_BLOCK: Final = 5 * FEATURE_RATE
_SLOWED_BLOCK: Final = 2000
_FILTER_PERIODS: Final = 10
_FILTER_REACH: Final = _FILTER_PERIODS * _STEP
PITCH_MARGIN: Final = _WINDOW // 2 * _STEP + _FILTER_REACH
"""Samples around a stretch that its pitch depends on."""
_KAISER_BETA: Final = 5.0
"""Stops 50 dB of what the lower rate cannot hold, within a tenth of its band."""
_VOICED: Final = 0.5
"""Least normalised autocorrelation of a voiced frame."""
_OCTAVE_COST: Final = 0.02
"""Per octave, for preferring the shorter of equally good periods."""
_SILENT_DB: Final = -65.0
_GLIDE: Final = (0.1, 2.0)
"""Semitones in 20 ms."""


def fundamental_frequency(samples: Samples, loudness: Curve) -> Curve:
    """(len(loudness),) in Hz, 0 where unvoiced, of 16 kHz samples.

    Autocorrelation of Hann-windowed frames over that of the window (Boersma 1993, "Accurate short-term analysis of the
    fundamental frequency"), parabolic interpolation, a median over 100 ms against octave jumps.
    """
    pitch = np.zeros(len(loudness), np.float32)
    stretches = overlapping((samples,), _BLOCK * _HOP * _STEP, PITCH_MARGIN)
    for first, (before, heard) in zip(range(0, len(pitch), _BLOCK), stretches, strict=False):
        block = pitch[first : first + _BLOCK]
        block[:] = pitch_of_stretch(heard, before, len(block))
    return settled_pitch(pitch, loudness)


def pitch_of_stretch(heard: Samples, before: int, frames: int) -> Curve:
    """(frames,) in Hz, 0 where unvoiced, before the median. The first frame is centred on sample `before`; around them
    are `PITCH_MARGIN` samples, or the ends of the recording.
    """
    low, begin = _slowed(heard), before // _STEP
    around = stretch(low, begin - _WINDOW // 2, begin + (frames - 1) * _HOP + _WINDOW - _WINDOW // 2)
    return _pitch_of(np.lib.stride_tricks.sliding_window_view(around, _WINDOW)[::_HOP])


def settled_pitch(pitch: Curve, loudness: Curve) -> Curve:
    """The pitch of all stretches, one after the other, without jumps; 0 where it is silent."""
    return _without_jumps(np.where(loudness < _SILENT_DB, np.float32(0), pitch))


def gliding(pitch: Curve) -> NDArray[np.bool_]:
    """(n,) True where the pitch glides as that of a voice does, where a tune steps and an engine hums."""
    voiced = pitch > 0
    semitones = 12 * np.log2(np.where(voiced, pitch, 1))
    change = np.abs(np.diff(semitones, prepend=semitones[:1]))
    glides: NDArray[np.bool_] = voiced & np.concatenate([[False], voiced[:-1]]) & (change > _GLIDE[0]) & (change < _GLIDE[1])
    return glides


def _slowed(samples: Samples) -> Samples:
    """At `_RATE`, through a low-pass filter against aliases: a Kaiser-windowed sinc (Oppenheim and Schafer, chapter 7)."""
    taps = np.sinc(np.arange(-_FILTER_REACH, _FILTER_REACH + 1) / _STEP) * np.kaiser(2 * _FILTER_REACH + 1, _KAISER_BETA)
    taps = (taps / taps.sum()).astype(np.float32)
    low = np.empty(-(-len(samples) // _STEP), np.float32)
    for first in range(0, len(low), _SLOWED_BLOCK):
        last = min(first + _SLOWED_BLOCK, len(low))
        heard = stretch(samples, first * _STEP - _FILTER_REACH, (last - 1) * _STEP + _FILTER_REACH + 1)
        low[first:last] = np.lib.stride_tricks.sliding_window_view(heard, len(taps))[::_STEP] @ taps
    return low


@cache
def _window() -> tuple[FloatArray, FloatArray]:
    """The Hann window and its normalised autocorrelation."""
    hann = np.hanning(_WINDOW + 2)[1:-1].astype(np.float32)
    correlation = _autocorrelation(hann[None])[0]
    return hann, correlation / correlation[0]


def _autocorrelation(frames: FloatArray) -> FloatArray:
    spectrum = np.fft.rfft(frames, _FFT_SIZE, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    correlation: FloatArray = np.fft.irfft(power, _FFT_SIZE, axis=1).astype(np.float32)
    return correlation


def _pitch_of(windows: FloatArray) -> Curve:
    hann, of_hann = _window()
    frames = (windows - windows.mean(axis=1, keepdims=True)) * hann
    correlation = _autocorrelation(frames)
    shortest, longest = _RATE // _HIGHEST_HZ, _RATE // _LOWEST_HZ
    lags = np.arange(shortest, longest + 1)
    energy = np.maximum(correlation[:, :1], 1e-9)
    strength = correlation[:, shortest - 1 : longest + 2] / energy / of_hann[shortest - 1 : longest + 2]
    here = strength[:, 1:-1]
    is_peak = (here >= strength[:, :-2]) & (here > strength[:, 2:])
    score = np.where(is_peak, here - _OCTAVE_COST * np.log2(lags / shortest), 0)
    best = score.argmax(axis=1)
    rows = np.arange(len(frames))
    before, peak, after = (strength[rows, best + offset] for offset in range(3))
    bend = np.minimum(before - 2 * peak + after, -1e-6)
    period = lags[best] + np.clip((before - after) / (2 * bend), -0.5, 0.5)
    voiced = score[rows, best] > _VOICED
    pitch: Curve = np.where(voiced, _RATE / period, 0).astype(np.float32)
    return pitch


def _without_jumps(pitch: Curve) -> Curve:
    """A median over five frames, which also decides whether the frame is voiced."""
    smooth: Curve = curve_filters.median(pitch, 5)
    return smooth
