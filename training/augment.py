"""Speech as it is met: other voices, rooms, noises, microphones. On samples before, on spectrograms during the training."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.mel import BANDS, SAMPLE_RATE
from training.corpus import Segment

Wave = NDArray[np.float64]
Generator = np.random.Generator

_CHORD_RATIOS: Final = (1, 1.189, 1.26, 1.335, 1.498, 1.682, 2, 2.52)


def vary(samples: Wave, segments: list[Segment], babble: Wave, random: Generator) -> tuple[Wave, list[Segment]]:
    """A recording changed in speed and pitch, padded with silence, and heard under other conditions.

    `babble` (any length) is other speech that may murmur in the background.
    """
    factor = random.uniform(0.84, 1.2) if random.random() < 0.85 else 1.0
    wave = np.interp(np.arange(0, len(samples) - 1, factor), np.arange(len(samples)), samples)
    before, after = (int(SAMPLE_RATE * random.exponential(0.25)) if random.random() < 0.5 else 0 for _ in range(2))
    shift = before / SAMPLE_RATE
    moved = [(start / factor + shift, end / factor + shift, symbol) for start, end, symbol in segments]
    wave = np.pad(wave, (before, after))
    if before:
        moved.insert(0, (0.0, shift, "_"))
    if after and moved:
        moved.append((moved[-1][1], len(wave) / SAMPLE_RATE, "_"))
    return _heard(wave, babble, random), moved


def _heard(wave: Wave, babble: Wave, random: Generator) -> Wave:
    if random.random() < 0.7:
        wave = _wandering_loudness(wave, random)
    if random.random() < 0.5:
        wave = signal.lfilter([1, random.uniform(-0.6, 0.6)], [1], wave)
    if random.random() < 0.45:
        wave = _in_a_room(wave, random)
    if random.random() < 0.3:
        low = signal.butter(random.integers(2, 8), random.uniform(3000, 7200), "low", fs=SAMPLE_RATE, output="sos")
        wave = signal.sosfilt(low, wave)
    if random.random() < 0.35:
        high = signal.butter(random.integers(1, 5), random.uniform(60, 350), "high", fs=SAMPLE_RATE, output="sos")
        wave = signal.sosfilt(high, wave)
    level = _rms(wave)
    if random.random() < 0.6:
        wave = wave + _at(coloured_noise(len(wave), random), level, -random.uniform(5, 40))
    if random.random() < 0.12:
        start = random.integers(0, max(1, len(babble) - len(wave)))
        wave = wave + _at(np.resize(babble[start:], len(wave)), level, -random.uniform(8, 25))
    if random.random() < 0.15:
        wave = wave + _at(chords(len(wave), random), level, -random.uniform(3, 25))
    if random.random() < 0.2:
        drive = random.uniform(1, 4) / (np.abs(wave).max() + 1e-9)
        wave = np.tanh(wave * drive) / drive
    return wave


def _wandering_loudness(wave: Wave, random: Generator) -> Wave:
    knots = max(2, int(len(wave) / SAMPLE_RATE * random.uniform(0.7, 2.5)) + 2)
    decibels = random.normal(0, random.uniform(1, 5), knots)
    return wave * 10 ** (np.interp(np.arange(len(wave)), np.linspace(0, len(wave), knots), decibels) / 20)


def _in_a_room(wave: Wave, random: Generator) -> Wave:
    """Convolution with decaying noise after a short gap, the simplest model of a room's impulse response."""
    length = int(SAMPLE_RATE * random.uniform(0.08, 0.5))
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 10 ** (random.uniform(-22, -2) / 20) / np.sqrt((tail**2).sum())
    response = np.concatenate([[1.0], np.zeros(int(random.uniform(0.001, 0.02) * SAMPLE_RATE)), tail])
    heard: Wave = signal.fftconvolve(wave, response)[: len(wave)]
    return heard


def coloured_noise(length: int, random: Generator) -> Wave:
    """Noise that falls off with frequency, now and then in one band only."""
    size = 1 << int(np.ceil(np.log2(max(length, 2))))
    spectrum = np.fft.rfft(random.standard_normal(size))
    frequency = np.maximum(1, np.arange(len(spectrum))) / len(spectrum)
    spectrum = spectrum * frequency ** -random.uniform(0, 1.1)
    if random.random() < 0.3:
        spectrum = spectrum * np.exp(-0.5 * ((frequency - random.uniform(0.02, 0.6)) / random.uniform(0.05, 0.3)) ** 2)
    return np.fft.irfft(spectrum)[:length]


def chords(length: int, random: Generator) -> Wave:
    """Plucked chords with a drum now and then."""
    wave = np.zeros(length)
    beat = int(random.uniform(0.25, 0.9) * SAMPLE_RATE)
    for start in range(0, length, beat):
        time = np.arange(min(beat, length - start)) / SAMPLE_RATE
        decay = np.exp(-time * random.uniform(0.5, 5))
        root = random.uniform(80, 300)
        for ratio in random.choice(_CHORD_RATIOS, 3):
            for harmonic in range(1, 7):
                tone = np.sin(2 * np.pi * root * ratio * harmonic * time + random.uniform(0, 6))
                wave[start : start + len(time)] += decay * tone / harmonic ** random.uniform(0.7, 1.8)
        if random.random() < 0.5:
            count = min(len(time), SAMPLE_RATE // 10)
            wave[start : start + count] += 2 * random.standard_normal(count) * np.exp(-np.arange(count) / 300)
    return wave


def _at(wave: Wave, level: float, decibels: float) -> Wave:
    return wave * (level / _rms(wave) * 10 ** (decibels / 20))


def _rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(wave**2) + 1e-12))


def vary_spectrogram(mel: FloatArray, random: Generator) -> FloatArray:
    """A log-mel crop (frames, 80) as other vocal tracts, microphones and rooms would have made it; may return `mel` itself."""
    if random.random() < 0.6:
        mel = _warped(mel, random)
    if random.random() < 0.8:
        knots = random.integers(3, 9)
        mel = mel + _curve(random.normal(0, random.uniform(0.2, 1.3), knots))
    if random.random() < 0.4:
        floor = np.percentile(mel.mean(axis=1), 90) - random.uniform(2, 9) + _curve(random.normal(0, 1.2, 5))
        mel = np.logaddexp(mel, floor + 0.35 * random.standard_normal(mel.shape, np.float32))
    if random.random() < 0.4:
        width = random.integers(2, 14)
        start = random.integers(0, BANDS - width)
        mel = mel.copy()
        mel[:, start : start + width] = mel[:, start : start + width].mean()
    if random.random() < 0.3:
        mel = mel + 0.4 * random.standard_normal(mel.shape, np.float32)
    if random.random() < 0.3:
        mel = mel * random.uniform(0.8, 1.15)
    if random.random() < 0.2:
        smeared = (np.roll(mel, 1, 1) + mel + np.roll(mel, -1, 1)) / 3
        mel = mel + random.uniform(-0.5, 0.5) * (mel - smeared)
    return mel.astype(np.float32, copy=False)


def _warped(mel: FloatArray, random: Generator) -> FloatArray:
    """The bands read at stretched places: a longer or shorter vocal tract."""
    place = np.clip(np.arange(BANDS) * random.uniform(0.92, 1.09) + random.uniform(-1.5, 1.5), 0, BANDS - 1)
    lower = np.floor(place).astype(int)
    share = (place - lower).astype(np.float32)
    warped: FloatArray = mel[:, lower] * (1 - share) + mel[:, np.minimum(lower + 1, BANDS - 1)] * share
    return warped


def _curve(knots: NDArray[np.float64]) -> FloatArray:
    return np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, len(knots)), knots).astype(np.float32)
