"""Melody of the voice."""

from functools import cache
from typing import Final

import numpy as np

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech import curve_filters
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import SAMPLE_RATE, stretch

_RATE: Final = 4000
"""Enough for the fundamental and its first harmonics, and a quarter of the work."""
_HOP: Final = _RATE // FEATURE_RATE
_LOWEST_HZ: Final = 60
_HIGHEST_HZ: Final = 500
# Three periods of the lowest pitch.
_WINDOW: Final = 3 * _RATE // _LOWEST_HZ
_FFT_SIZE: Final = 512
_BLOCK: Final = 2000
_FILTER_PERIODS: Final = 10
_KAISER_BETA: Final = 5.0
"""Stops 50 dB of what the lower rate cannot hold, within a tenth of its band."""
_VOICED: Final = 0.5
"""Least normalised autocorrelation of a voiced frame."""
_OCTAVE_COST: Final = 0.02
"""Per octave, for preferring the shorter of equally good periods."""
_SILENT_DB: Final = -65.0


def fundamental_frequency(samples: Samples, loudness: Curve) -> Curve:
    """(len(loudness),) in Hz, 0 where unvoiced, of 16 kHz samples.

    Autocorrelation of Hann-windowed frames over that of the window (Boersma 1993, "Accurate short-term analysis of the
    fundamental frequency"), parabolic interpolation, a median over 100 ms against octave jumps.
    """
    frames = len(loudness)
    low = _slowed(samples)
    missing = max(0, (frames - 1) * _HOP + _WINDOW - _WINDOW // 2 - len(low))
    padded = np.pad(low, (_WINDOW // 2, missing))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:frames]
    pitch = np.zeros(frames, np.float32)
    for first in range(0, frames, _BLOCK):
        pitch[first : first + _BLOCK] = _pitch_of(windows[first : first + _BLOCK])
    pitch[loudness < _SILENT_DB] = 0
    return _without_jumps(pitch)


def _slowed(samples: Samples) -> Samples:
    """At `_RATE`, through a low-pass filter against aliases: a Kaiser-windowed sinc (Oppenheim and Schafer, chapter 7)."""
    step = SAMPLE_RATE // _RATE
    reach = _FILTER_PERIODS * step
    taps = np.sinc(np.arange(-reach, reach + 1) / step) * np.kaiser(2 * reach + 1, _KAISER_BETA)
    taps = (taps / taps.sum()).astype(np.float32)
    low = np.empty(-(-len(samples) // step), np.float32)
    for first in range(0, len(low), _BLOCK):
        last = min(first + _BLOCK, len(low))
        heard = stretch(samples, first * step - reach, (last - 1) * step + reach + 1)
        low[first:last] = np.lib.stride_tricks.sliding_window_view(heard, len(taps))[::step] @ taps
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
