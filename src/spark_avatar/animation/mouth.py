"""What the lips do: articulation -> mouth blendshapes, with every closure kept at any frame rate."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.blendshapes import (
    CORNER_DROP,
    CORNER_PULL,
    JAW_OPEN_DROP,
    LOWER_LIP_DROP,
    MOUTH_PURSE,
    MOUTH_SPREAD,
    SMILE_SPREAD_SHARE,
    UPPER_LIP_RAISE,
)
from spark_avatar.animation.closures import closure_of_lips
from spark_avatar.animation.resting import parted_lips
from spark_avatar.animation.sampling import Times, sample, smooth
from spark_avatar.media.arrays import Curve
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechFeatures

LEAD_SECONDS: Final = 0.02
"""How far the mouth runs ahead of the sound. Against four filmed speakers whose own offset is known the curves were 0 to
0.8 frames of 25 per second late, 0.3 on average (12 ms); viewers forgive a mouth that leads rather than one that lags
(ITU-R BT.1359)."""

_SMOOTHING_SECONDS: Final = 0.026

# Gap in E from the network's open * (1 - close). Scale and offset put the distribution where that of filmed speech is (mean
# 0.05-0.11, 95th percentile 0.11-0.23 E; lips under 0.025 E apart in 0.10-0.44 of the frames): on the sound of four filmed
# speakers they give 0.07, 0.16 and 0.20. The offset undoes the soft floor of the training's targets. Filmed mouths tell small
# openings apart rather than large ones, hence the exponent.
_GAP_SCALE: Final = 0.268
_GAP_OFFSET: Final = -0.085
_GAP_EXPONENT: Final = 0.8

# Lips part further over teeth that are together than the training's targets say: in four films the gap is in sibilants what it is
# on average, and without this was 0.86 of that.
_PARTED_OVER_TEETH: Final = 0.10

# Half of what a clip opens less or more than usual is evened out: noise and reverberation flatten the network's curves.
_USUAL_LOUD_OPENING: Final = 0.48
_EVENING: Final = 0.5
_EVENING_RANGE: Final = (0.8, 1.25)

# Loud passages are spoken with a wider mouth, 1 % per dB over the recording's median, and so are passages of open sounds: of
# what they open more than the recording on average, this share is added once more.
_PASSAGE_SECONDS: Final = 1.0
_PER_DB: Final = 0.01
_PASSAGE_SHARE: Final = 0.3
_PASSAGE_RANGE_DB: Final = 10.0

# Who opens the mouth, and by how much of what it widens the jaw opens it less and the upper lip more, by four filmed speakers:
# the engine's controls, regressed on gap and width (upper lip 0.10 and 0.16, jaw -0.27), and optical flow, in which the chin goes
# down by 0.65 to 0.86 of what the lower lip does (ours by 0.66 to 0.70). The lower lip does the rest.
_JAW_SHARE: Final = 0.65
_JAW_BY_WIDTH: Final = -0.27
_JAW_RANGE: Final = (0.45, 0.9)  # of the gap
_TEETH_HOLD_JAW: Final = 0.06  # of its drop, E, at most: where the teeth are together both rows show between parted lips
_TEETH_HOLD_SHARE: Final = 0.7
_TOGETHER: Final = (0.2, 0.7)  # the network's `teeth` from where on they come together, and where they are
_UPPER_SHARE: Final = 0.10
_UPPER_BY_SPREAD: Final = 0.16

# Width of the mouth in E.
_WIDE: Final = 0.13
_WIDE_AT_REST: Final = 0.15
_ROUND: Final = 0.17
_CORNERS_RISE: Final = 0.26  # of the widening, beside what the jaw takes them down

_PRESS: Final = 0.3
_LIP_AT_TEETH: Final = 0.7
_TONGUE_OUT: Final = 0.3

# The lips part a moment before the voice and come to rest a moment after it.
_BEFORE_SECONDS: Final = 0.10
_AFTER_SECONDS: Final = 0.12


@dataclass(frozen=True, eq=False)
class MouthCurves:
    """Intermediate result at `FEATURE_RATE`."""

    presence: Curve
    """(n,), 0..1: 0 in silence."""
    gap: Curve
    """(n,), inner-lip gap in E before closures."""


def animate_mouth(features: SpeechFeatures, times: Times, rng: np.random.Generator, *, amplitude: float) -> dict[str, Curve]:
    """Mouth blendshapes, each (frames,), for frames shown at `times`. Relaxed in silence, where `rng` decides how the lips
    rest; `amplitude` scales how far speech opens the mouth.
    """
    curves = _opening(features, amplitude, rng)
    times = times + LEAD_SECONDS
    closing = closure_of_lips(features.articulation[:, ARTICULATION.index("close")] * curves.presence, times)

    def channel(name: str) -> Curve:
        return sample(smooth(features.articulation[:, ARTICULATION.index(name)], _SMOOTHING_SECONDS) * curves.presence, times)

    gap, presence = (sample(curve, times) for curve in (curves.gap, curves.presence))
    width = _WIDE * (channel("wide") - _WIDE_AT_REST * presence) - _ROUND * channel("round")
    press = _PRESS * closing
    return {
        **_gap_shapes(gap, width, closing, together=_together(channel("teeth"))),
        **_corner_shapes(width, gap),
        "mouthPressLeft": press,
        "mouthPressRight": press,
        "mouthRollLower": _LIP_AT_TEETH * channel("labiodental"),
        "tongueOut": _TONGUE_OUT * channel("tongue") * (1 - closing),
    }


def _opening(features: SpeechFeatures, amplitude: float, rng: np.random.Generator) -> MouthCurves:
    heard = dict(zip(ARTICULATION, features.articulation.T, strict=True))
    presence = _presence(features.activity)
    opened = heard["open"] + _PARTED_OVER_TEETH * np.maximum(heard["teeth"] - _TOGETHER[0], 0)
    opening = opened * (1 - heard["close"]) + _GAP_OFFSET
    amplitude *= _evening(opening, features.activity)
    opening = np.clip(opening, 0, 1)
    gap = smooth(opening**_GAP_EXPONENT * _width_of_passage(opening, features), _SMOOTHING_SECONDS)
    gap *= _GAP_SCALE * presence
    resting = parted_lips(features.activity, rng) * (1 - presence)
    return MouthCurves(presence, (amplitude * gap + resting).astype(np.float32))


def _presence(activity: NDArray[np.bool_]) -> Curve:
    """1 where somebody speaks or is about to, 0 elsewhere, with soft flanks."""
    spoken = np.flatnonzero(activity)
    around = np.zeros(len(activity), np.float32)
    for offset in range(-int(_BEFORE_SECONDS * FEATURE_RATE), int(_AFTER_SECONDS * FEATURE_RATE) + 1):
        around[np.clip(spoken + offset, 0, len(activity) - 1)] = 1
    return smooth(around, 0.03)


def _evening(opening: Curve, activity: NDArray[np.bool_]) -> float:
    if not activity.any():
        return 1.0
    loud = max(float(np.percentile(opening[activity], 90)), 0.05)
    return float(np.clip((_USUAL_LOUD_OPENING / loud) ** _EVENING, *_EVENING_RANGE))


def _width_of_passage(opening: Curve, features: SpeechFeatures) -> Curve:
    """About 1: how wide the passage is spoken."""
    active = features.activity.astype(np.float32)
    if not features.activity.any():
        return np.ones_like(active)
    weight = smooth(active, _PASSAGE_SECONDS) + 1e-3
    median = float(np.median(features.loudness[features.activity]))
    louder = smooth((features.loudness - median) * active, _PASSAGE_SECONDS) / weight
    wider = smooth(opening * active, _PASSAGE_SECONDS) / weight / max(float(opening[features.activity].mean()), 0.05) - 1
    factor: Curve = (1 + _PER_DB * np.clip(louder, -_PASSAGE_RANGE_DB, _PASSAGE_RANGE_DB)) * (1 + _PASSAGE_SHARE * wider)
    return factor


def _together(teeth: Curve) -> Curve:
    """0..1: how far the rows of teeth have met."""
    return np.clip((teeth - _TOGETHER[0]) / (_TOGETHER[1] - _TOGETHER[0]), 0, 1)


def _gap_shapes(gap: Curve, width: Curve, closing: Curve, together: Curve) -> dict[str, Curve]:
    """Shapes whose `mouth_opening` is gap * (1 - closing): the jaw keeps moving while the lips meet."""
    jaw = np.clip(_JAW_SHARE * gap + _JAW_BY_WIDTH * width, *(share * gap for share in _JAW_RANGE))
    jaw = jaw - together * np.minimum(_TEETH_HOLD_SHARE * jaw, _TEETH_HOLD_JAW)
    raised = np.minimum(_UPPER_SHARE * gap + _UPPER_BY_SPREAD * np.maximum(width, 0), gap - jaw)
    upper, lower = raised / UPPER_LIP_RAISE, (gap - jaw - raised) / LOWER_LIP_DROP
    return {
        "jawOpen": jaw / JAW_OPEN_DROP,
        "mouthLowerDownLeft": lower,
        "mouthLowerDownRight": lower,
        "mouthUpperUpLeft": upper,
        "mouthUpperUpRight": upper,
        "mouthClose": closing,
    }


def _corner_shapes(width: Curve, gap: Curve) -> dict[str, Curve]:
    """Spread and rounded lips; what spreads raises the corners."""
    corner = _CORNERS_RISE * width
    smile = np.maximum(corner, 0) / CORNER_PULL
    frown = np.maximum(-corner, 0) / CORNER_DROP
    stretch = np.maximum(np.maximum(width, 0) / MOUTH_SPREAD - SMILE_SPREAD_SHARE * smile, 0)
    purse = np.clip(-width / MOUTH_PURSE, 0, 1)
    # Rounded lips are pushed forward: a funnel when open (o), a pucker when nearly closed (u).
    funnel = purse * np.clip(gap / 0.12, 0, 0.6)
    return {
        "mouthStretchLeft": stretch,
        "mouthStretchRight": stretch,
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile,
        "mouthFrownLeft": frown,
        "mouthFrownRight": frown,
        "mouthFunnel": funnel,
        "mouthPucker": purse - funnel,
    }
