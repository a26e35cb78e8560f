"""Speech features by rule: what the network would say of a known sentence."""

import numpy as np

from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechDiagnostics, SpeechFeatures
from spark_avatar.speech.visemes import VISEMES


def made_features(
    seconds: float, *, phrases: list[tuple[float, float]] | None = None, loudness_db: float = -20.0, **channels: np.ndarray
) -> SpeechFeatures:
    """Speech in `phrases` (start, end; by default everywhere) whose channels are given as (n,) curves; others are 0."""
    n = int(np.ceil(seconds * FEATURE_RATE))
    activity = np.zeros(n, bool)
    for start, end in [(0.0, seconds)] if phrases is None else phrases:
        activity[round(start * FEATURE_RATE) : round(end * FEATURE_RATE)] = True
    articulation = np.zeros((n, len(ARTICULATION)), np.float32)
    for name, curve in channels.items():
        articulation[:, ARTICULATION.index(name)] = curve
    time = np.arange(n) / FEATURE_RATE
    syllables = np.maximum(0, np.sin(2 * np.pi * 2 * time)) * (1 + 0.6 * np.sin(2 * np.pi * 0.37 * time))
    loudness = np.where(activity, loudness_db - 12 + 8 * syllables, -80).astype(np.float32)
    pitch = np.where(activity & (syllables > 0.1), 120 + 15 * np.sin(2 * np.pi * 0.3 * time), 0).astype(np.float32)
    diagnostics = SpeechDiagnostics(seconds, 16000, 1, loudness_db, -80.0, 0.0, float(activity.sum() / FEATURE_RATE))
    visemes = np.zeros((n, len(VISEMES)), np.float32)
    return SpeechFeatures(seconds, articulation, loudness, activity, visemes, pitch, diagnostics)


def times_of(seconds: float) -> np.ndarray:
    return np.arange(int(np.ceil(seconds * FEATURE_RATE))) / FEATURE_RATE


def bump(seconds: float, centre: float, width: float, height: float = 1.0) -> np.ndarray:
    """A Gaussian peak in a curve of that many seconds."""
    return height * np.exp(-0.5 * ((times_of(seconds) - centre) / width) ** 2)


def talk(seconds: float, seed: int = 0, phrase: float = 3.0, pause: float = 0.6) -> SpeechFeatures:
    """Phrases of talking at random, with pauses."""
    rng = np.random.default_rng(seed)
    starts = np.arange(0.5, seconds - 0.5, phrase + pause)
    phrases = [(float(s), float(min(s + phrase, seconds - 0.3))) for s in starts]
    n = int(np.ceil(seconds * FEATURE_RATE))

    def wander(mean: float, size: float) -> np.ndarray:
        slow = np.interp(np.arange(n), np.arange(0, n + 10, 5), rng.normal(0, 1, len(np.arange(0, n + 10, 5))))
        return np.clip(mean + size * slow, 0, 1)

    close = sum(bump(seconds, c, 0.025) for c in rng.uniform(0, seconds, int(seconds))) if seconds < 60 else 0.0
    return made_features(
        seconds,
        phrases=phrases,
        open=wander(0.45, 0.2),
        round=wander(0.15, 0.15),
        wide=wander(0.4, 0.15),
        labiodental=wander(0.05, 0.1),
        tongue=wander(0.25, 0.2),
        close=np.clip(close, 0, 1),
    )
