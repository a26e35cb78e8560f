"""The rhythm of a recording: phrases, pauses and the syllables that stand out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.peaks import find_peaks
from spark_avatar.animation.sampling import Times, smooth
from spark_avatar.media.arrays import Curve
from spark_avatar.speech.curve_filters import gaussian
from spark_avatar.speech.features import FEATURE_RATE, SpeechFeatures

_PHRASE_PAUSE_SECONDS: Final = 0.3
_SYLLABLE_SECONDS: Final = 0.06
_SURROUNDINGS_SECONDS: Final = 1.5
_SYLLABLE_SPACING_SECONDS: Final = 0.12
# 3 dB and 3 semitones over the surroundings weigh the same.
_DB_PER_UNIT: Final = 3.0
_SEMITONES_PER_UNIT: Final = 3.0
# About a quarter of the syllables stand out by this many (robust) standard deviations over the median syllable.
_STANDS_OUT: Final = 0.6
_FEWEST_SYLLABLES: Final = 3
_SPACING_SECONDS: Final = 0.5
_STRENGTH_RANGE: Final = (0.7, 1.6)
# A question that asks for yes or no ends in a rise, as high as the phrase was or higher, in most languages (Ohala 1984).
_LAST_SECONDS: Final = 0.5
_ASKING_SEMITONES: Final = 2.5
_LEAST_VOICED_SECONDS: Final = 0.08
_SHORTEST_QUESTION_SECONDS: Final = 0.9


@dataclass(frozen=True, eq=False)
class Phrasing:
    """Times in seconds."""

    starts: Times
    """(phrases,): speech begins after a pause of at least 0.3 s or at the beginning."""
    ends: Times
    """(phrases,): speech ends before such a pause or at the end."""
    asks: NDArray[np.bool_]
    """(phrases,) True where the voice rises at the end, as in a question."""
    accents: Times
    """(accents,): middle of a syllable that stands out by loudness or pitch."""
    strengths: NDArray[np.float64]
    """(accents,), about 1, within 0.7..1.6."""


def find_phrasing(features: SpeechFeatures) -> Phrasing:
    """Phrases and accents of a recording."""
    starts, ends = _phrases(features.activity)
    accents, strengths = _accents(features)
    asks = np.array([_rises(features, float(start), float(end)) for start, end in zip(starts, ends, strict=True)], dtype=bool)
    return Phrasing(starts, ends, asks, accents, strengths)


def _phrases(activity: NDArray[np.bool_]) -> tuple[Times, Times]:
    edges = np.diff(np.concatenate([[False], activity, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    pauses = (starts[1:] - ends[:-1]) >= _PHRASE_PAUSE_SECONDS * FEATURE_RATE
    first = np.concatenate([starts[:1], starts[1:][pauses]])
    last = np.concatenate([ends[:-1][pauses], ends[-1:]])
    return first / FEATURE_RATE, last / FEATURE_RATE


def _rises(features: SpeechFeatures, start: float, end: float) -> bool:
    """Whether the voice rises in the last half second of a phrase, to where it was in the rest of it or higher."""
    first, tail, last = (round(moment * FEATURE_RATE) for moment in (start, end - _LAST_SECONDS, end))
    before, ending = (part[part > 0] for part in (features.pitch[first:tail], features.pitch[tail:last]))
    least = int(_LEAST_VOICED_SECONDS * FEATURE_RATE)
    if end - start < _SHORTEST_QUESTION_SECONDS or min(len(before), len(ending)) < 2 * least:
        return False
    final = np.median(ending[-least:])
    lowest = np.percentile(ending[:-least], 10)
    return bool(final >= np.median(before) and 12 * np.log2(final / lowest) > _ASKING_SEMITONES)


def _accents(features: SpeechFeatures) -> tuple[Times, NDArray[np.float64]]:
    """Syllables whose loudness and pitch rise over the others, relative to the speech around them."""
    if not features.activity.any():
        return np.zeros(0), np.zeros(0)
    loudness = smooth(np.maximum(features.loudness, features.diagnostics.loudness_db - 40), _SYLLABLE_SECONDS)
    voiced = (features.pitch > 0) & features.activity
    semitones = 12 * np.log2(np.where(voiced, features.pitch, 100) / 100)
    rise = np.where(voiced, semitones - _local_mean(semitones, voiced), 0)
    louder = loudness - _local_mean(loudness, features.activity)
    prominence = louder / _DB_PER_UNIT + smooth(np.clip(rise, -6, 6), _SYLLABLE_SECONDS) / _SEMITONES_PER_UNIT
    syllables = find_peaks(prominence, distance=int(_SYLLABLE_SPACING_SECONDS * FEATURE_RATE))
    syllables = syllables[voiced[syllables]]
    if len(syllables) < _FEWEST_SYLLABLES:
        return np.zeros(0), np.zeros(0)
    middle = np.median(prominence[syllables])
    spread = 1.48 * np.median(np.abs(prominence[syllables] - middle)) + 0.1
    height = (prominence - middle) / spread
    peaks = find_peaks(height, height=_STANDS_OUT, distance=int(_SPACING_SECONDS * FEATURE_RATE))
    peaks = peaks[voiced[peaks]]
    return peaks / FEATURE_RATE, np.clip(0.5 + 0.5 * height[peaks], *_STRENGTH_RANGE).astype(np.float64)


def _local_mean(curve: Curve, counted: NDArray[np.bool_]) -> Curve:
    """Mean over the surroundings, of the frames that count."""
    sigma = _SURROUNDINGS_SECONDS * FEATURE_RATE
    total = gaussian(np.where(counted, curve, 0), sigma, "symmetric")
    weight = gaussian(counted.astype(np.float64), sigma, "symmetric")
    mean: Curve = (total / np.maximum(weight, 1e-6)).astype(np.float32)
    return mean
