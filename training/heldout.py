"""How well weights hear synthesised voices that they never heard before."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE
from training import scores
from training.corpus import Recording
from training.phones import BILABIAL_STOPS
from training.predictor import Predictor, closing_peaks
from training.targets import closing_moments, gap_of, targets

_NEAR_SECONDS: Final = 0.06


@dataclass(frozen=True)
class HeldOutScores:
    """One file of weights on one held-out corpus."""

    gap_r: float
    """Mean over the recordings, at zero lag."""
    hit: float
    """Share of the /p b m/ with a closing peak inside them or within 60 ms."""
    right: float
    """Share of the closing peaks that lie in or within 60 ms of one."""
    timing_ms: float
    """Median distance of a hit's peak from the middle of the sound."""


def score_held_out(predictor: Predictor, recordings: list[Recording]) -> HeldOutScores:
    """Compares predictions with the targets made from the known sounds."""
    agreement, distances, real_count, peak_count, right_count = [], [], 0, 0, 0
    for recording in recordings:
        channels = predictor.channels(recording.samples.astype(np.float32) / 32768)
        wanted = targets(recording.segments, len(recording.samples) * MEL_RATE // SAMPLE_RATE).channels[::2]
        length = min(len(channels), len(wanted))
        agreement.append(scores.pearson(predictor.gap(channels)[:length], gap_of(wanted)[:length]))
        peaks = np.array(closing_peaks(channels)) / FEATURE_RATE
        moments = closing_moments(recording.segments, BILABIAL_STOPS)
        real_count += len(moments)
        peak_count += len(peaks)
        right_count += sum(any(start - _NEAR_SECONDS <= peak <= end + _NEAR_SECONDS for start, end in moments) for peak in peaks)
        distances += _nearest(peaks, moments)
    return HeldOutScores(
        float(np.mean(agreement)),
        len(distances) / max(real_count, 1),
        right_count / max(peak_count, 1),
        1000 * float(np.median(distances)) if distances else np.nan,
    )


def _nearest(peaks: FloatArray, moments: list[tuple[float, float]]) -> list[float]:
    """For every sound that has a peak in or near it, how far that is from the sound's middle."""
    found = []
    for start, end in moments:
        near = peaks[(peaks >= start - _NEAR_SECONDS) & (peaks <= end + _NEAR_SECONDS)]
        if len(near):
            found.append(float(np.abs(near - (start + end) / 2).min()))
    return found
