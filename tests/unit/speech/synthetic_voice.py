"""A voice made by rule: pulses through formant filters, with hiss and murmur for consonants. 16 kHz."""

import numpy as np
from scipy import signal

RATE = 16_000
FORMANTS = {"a": (730, 1250, 2500), "i": (280, 2250, 2900), "u": (310, 750, 2250), "e": (530, 1840, 2480)}
BANDWIDTHS = (80, 100, 150)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level_db: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 10 ** (level_db / 20)).astype(np.float32)


def _faded(sound: np.ndarray) -> np.ndarray:
    ramp = np.minimum(1, np.arange(len(sound)) / (0.02 * RATE))
    return sound * ramp * ramp[::-1]


def vowel(name: str, seconds: float = 0.2, pitch: float = 120.0) -> np.ndarray:
    n = round(seconds * RATE)
    f0 = pitch * (1 + 0.15 * np.sin(np.linspace(0, np.pi, n)))
    phase = np.cumsum(f0 / RATE)
    sound = np.diff(np.floor(phase), prepend=0.0)
    sound = signal.lfilter([1], [1, -0.95], sound)
    for frequency, bandwidth in zip(FORMANTS[name], BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / RATE)
        sound = signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2], sound)
    sound = signal.lfilter([1, -0.95], [1], sound)
    return _faded(0.15 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def hiss(seconds: float = 0.1) -> np.ndarray:
    sound = signal.sosfilt(signal.butter(4, 4000, "high", fs=RATE, output="sos"), noise(seconds, -20, seed=5))
    return _faded(0.04 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def murmur(seconds: float = 0.09, pitch: float = 120.0) -> np.ndarray:
    low = signal.sosfilt(signal.butter(3, 300, "low", fs=RATE, output="sos"), vowel("u", seconds, pitch))
    return (0.35 * low).astype(np.float32)


def sentence(seed: int = 0, syllables: int = 12) -> np.ndarray:
    """Syllables of hiss, murmur or nothing, and a vowel."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for _ in range(syllables):
        pitch = rng.uniform(100, 160)
        parts.append([hiss(), murmur(pitch=pitch), silence(0.05)][rng.integers(3)])
        parts.append(vowel("aiue"[rng.integers(4)], rng.uniform(0.12, 0.25), pitch))
    return np.concatenate(parts)
