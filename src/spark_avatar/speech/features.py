"""What is known of a recording: the carrier between analysis and animation."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve, FloatArray
from spark_avatar.media.quality import QualityWarning

FEATURE_RATE: Final = 50
"""Frames per second of every feature curve; frame i is centred on second i / 50."""

ARTICULATION: Final = ("open", "round", "wide", "close", "labiodental", "tongue", "teeth")
"""Channels of the articulation network: inner-lip gap, rounding, spread, lip closure, lower lip at the upper teeth, tongue
tip raised, teeth together."""


@dataclass(frozen=True)
class SpeechDiagnostics:
    """What can be said of the recording before it is animated; stands in `metadata.audio`."""

    seconds: float
    sample_rate: int
    """Of the file, in Hz."""
    channels: int
    loudness_db: float
    """Level of the speech (95th percentile of the short-time level), dB re full scale."""
    noise_db: float
    """Level of the quietest tenth, dB re full scale."""
    clipped_share: float
    """Share of samples at full scale."""
    speech_seconds: float
    """Seconds in which somebody speaks."""


@dataclass(frozen=True, eq=False)
class SpeechFeatures:
    """A recording as the animation sees it. All curves share the length and `FEATURE_RATE`."""

    seconds: float
    """Exact length of the recording: decides the number of video frames."""
    articulation: FloatArray
    """(n, 7), 0..1, channels in the order of `ARTICULATION`."""
    loudness: Curve
    """(n,), short-time level in dB re full scale."""
    activity: NDArray[np.bool_]
    """(n,), True where somebody speaks."""
    visemes: FloatArray
    """(n, 15), 0..1: probabilities in the order of `visemes.VISEMES`."""
    pitch: Curve
    """(n,), fundamental frequency in Hz, 0 where unvoiced."""
    diagnostics: SpeechDiagnostics
    warnings: tuple[QualityWarning, ...] = ()
