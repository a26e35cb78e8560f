"""Log-mel spectrogram: what the articulation network hears."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np

from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.speech.blocks import overlapping

SAMPLE_RATE: Final = 16_000
MEL_RATE: Final = 100
"""Frames per second; frame i is centred on second i / 100."""
BANDS: Final = 80

_HOP: Final = SAMPLE_RATE // MEL_RATE
_WINDOW: Final = 400  # 25 ms
_FFT_SIZE: Final = 512
_LOWEST_HZ: Final = 40.0
_HIGHEST_HZ: Final = 7800.0
_POWER_FLOOR: Final = 1e-7
# The intermediate results of one block of frames, 5 s, are about 4 MB, whatever the length of the recording.
_BLOCK: Final = 500


def log_mel(samples: Samples, *, frames: int | None = None, gain: float = 1.0) -> FloatArray:
    """Natural logarithm of the power in `BANDS` mel bands, (frames, 80), of 16 kHz samples that are `gain` times as loud.

    The values are those that the network was trained on: triangles of unit sum on the HTK mel scale, 25 ms periodic Hann
    window every 10 ms, silence around the recording. Without `frames` they are len(samples) // 160.
    """
    frames = len(samples) // _HOP if frames is None else frames
    result = np.empty((frames, BANDS), np.float32)
    for first in range(0, frames, _BLOCK):
        block = result[first : first + _BLOCK]
        block[:] = _log_mel_from(samples, first * _HOP, len(block), gain)
    return result


def log_mel_blocks(sound: Iterable[Samples], *, frames: int, gain: float) -> Iterator[FloatArray]:
    """The same, bit for bit, of sound in blocks, which lasts until the last 5 s of the frames at least."""
    stretches = overlapping(sound, _BLOCK * _HOP, _WINDOW)
    for first, (before, heard) in zip(range(0, frames, _BLOCK), stretches, strict=False):
        yield _log_mel_from(heard, before, min(_BLOCK, frames - first), gain)


def raised(mel: FloatArray, rise: Curve) -> FloatArray:
    """A log-mel spectrogram, or a block of it, (frames, 80), with each frame louder by (frames,) dB: the floor stays."""
    if not rise.any():
        return mel
    power = np.maximum(np.exp(mel) - np.float32(_POWER_FLOOR), 0) * 10 ** (rise[:, None] / 10)
    louder: FloatArray = np.log(power + _POWER_FLOOR).astype(np.float32)
    return louder


def _log_mel_from(samples: Samples, moment: int, frames: int, gain: float) -> FloatArray:
    """(frames, 80), the first frame centred on sample `moment`."""
    start = moment - _WINDOW // 2
    heard = stretch(samples, start, start + (frames - 1) * _HOP + _WINDOW) * np.float32(gain)
    windows = np.lib.stride_tricks.sliding_window_view(heard, _WINDOW)[::_HOP]
    hann = np.hanning(_WINDOW + 1)[:_WINDOW].astype(np.float32)
    spectrum = np.fft.rfft(windows * hann, _FFT_SIZE, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel: FloatArray = np.log(power @ _mel_filters() + _POWER_FLOOR).astype(np.float32)
    return mel


def stretch(samples: Samples, start: int, end: int) -> Samples:
    """samples[start:end] with silence before the first and after the last one: no copy of a long recording needs be padded."""
    inside = samples[max(start, 0) : max(end, 0)].astype(np.float32, copy=False)
    before = max(-start, 0)
    return np.pad(inside, (before, end - start - before - len(inside)))


def _to_mel(hertz: float) -> float:
    """HTK's mel scale (Young et al., The HTK Book)."""
    return float(2595 * np.log10(1 + hertz / 700))


@cache
def _mel_filters() -> FloatArray:
    """(257, 80): weight of every frequency bin in every band."""
    mels = np.linspace(_to_mel(_LOWEST_HZ), _to_mel(_HIGHEST_HZ), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT_SIZE // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    # The lowest bands are narrower than a bin: they take the nearest one.
    for band in np.flatnonzero(weights.sum(0) == 0):
        weights[np.argmin(np.abs(bins[:, 0] - edges[band + 1])), band] = 1
    normalised: FloatArray = weights / weights.sum(0)
    return normalised
