"""Sounds and their times -> what the mouth does, as curves: the network's targets.

Neighbouring sounds are blended by dominance (Cohen and Massaro 1993, Modeling coarticulation in synthetic visual speech):
each pulls the mouth towards its own articulation with a strength that falls off exponentially before and after it. The gap
between the inner lips is then what rounding, the lower lip at the teeth and a raised tongue leave of the aperture, so that
`open * (1 - close)` is the visible gap.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spark_avatar.media.arrays import Curve, FloatArray
from spark_avatar.speech.features import ARTICULATION
from spark_avatar.speech.mel import MEL_RATE
from training.corpus import Segment
from training.phones import CLASS_OF, PHONES, SILENCE, Phone

# Seconds over which the pull falls to 1/e before and after a sound. Rounding is prepared early.
_REACH: Final = {
    "open": (0.055, 0.055),
    "round": (0.09, 0.06),
    "wide": (0.08, 0.06),
    "close": (0.018, 0.018),
    "labiodental": (0.03, 0.03),
    "tongue": (0.03, 0.03),
    "teeth": (0.03, 0.03),
}
_REACH_OF_CLOSURE: Final = 0.022
_STRONG: Final = 2.0
_FURTHEST: Final = 0.35

# What narrows the aperture to the visible gap, and how softly that reaches zero.
_ROUNDING: Final = 0.5
_LIP_AT_TEETH: Final = 0.3
_TONGUE: Final = 0.25
_SOFTNESS: Final = 0.13

# A vowel this long reaches its aperture, a shorter one falls short of it.
_FULL_VOWEL_SECONDS: Final = 0.08
_FULL_PAUSE_SECONDS: Final = 0.4

_SMOOTHING_FRAMES: Final = 1.5
_NO_PULL: Final = 1e-4


@dataclass(frozen=True, eq=False)
class Targets:
    """At `MEL_RATE`, n frames."""

    channels: FloatArray
    """(n, 7), 0..1, in the order of `features.ARTICULATION`."""
    classes: NDArray[np.uint8]
    """(n,), index into `phones.CLASSES`."""


def targets(segments: list[Segment], frames: int) -> Targets:
    """Curves for sounds of `phones.PHONES`; what no sound covers counts as silence."""
    times = np.arange(frames) / MEL_RATE
    pulled = np.zeros((frames, len(ARTICULATION)))
    pull = np.full((frames, len(ARTICULATION)), _NO_PULL)
    classes = np.zeros(frames, np.uint8)
    for start, end, symbol in segments:
        first = max(0, int((start - _FURTHEST) * MEL_RATE))
        last = min(frames, int((end + _FURTHEST) * MEL_RATE) + 1)
        if last <= first:
            continue
        phone = PHONES[symbol]
        near = times[first:last]
        for channel, name in enumerate(ARTICULATION):
            strength = _dominance(phone, symbol, name, end - start) * _fall_off(near, start, end, phone, name)
            pulled[first:last, channel] += strength * _articulation(phone, name)
            pull[first:last, channel] += strength
        classes[max(0, round(start * MEL_RATE)) : max(0, round(end * MEL_RATE))] = CLASS_OF[symbol]
    channels = pulled / pull
    channels[:, ARTICULATION.index("open")] = visible_gap(channels)
    smooth = ndimage.gaussian_filter1d(channels, _SMOOTHING_FRAMES, axis=0, mode="nearest")
    return Targets(np.clip(smooth, 0, 1).astype(np.float32), classes)


def visible_gap(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): the aperture in channel `open` less what rounding, lip at the teeth and tongue take of it, never under 0."""
    part = dict(zip(ARTICULATION, channels.T, strict=True))
    left = part["open"] - _ROUNDING * part["round"] - _LIP_AT_TEETH * part["labiodental"] - _TONGUE * part["tongue"]
    gap: NDArray[np.float64] = _SOFTNESS * np.logaddexp(0, left / _SOFTNESS)
    return gap


def closing_moments(segments: list[Segment], sounds: frozenset[str]) -> list[tuple[float, float]]:
    """Start and end in seconds of the sounds in `sounds`; neighbours (mb, pp) count once."""
    found: list[tuple[float, float]] = []
    for start, end, symbol in segments:
        if symbol in sounds:
            begin = found.pop()[0] if found and start - found[-1][1] < 0.01 else start
            found.append((begin, end))
    return found


def gap_of(channels: FloatArray) -> Curve:
    """(n,): what is seen between the lips, `open * (1 - close)`."""
    gap: Curve = channels[:, ARTICULATION.index("open")] * (1 - channels[:, ARTICULATION.index("close")])
    return gap


def _articulation(phone: Phone, channel: str) -> float:
    return float(getattr(phone, "aperture" if channel == "open" else channel))


def _dominance(phone: Phone, symbol: str, channel: str, seconds: float) -> float:
    if channel == "open":
        if phone.vowel:
            return 0.6 + 0.4 * min(1.0, seconds / _FULL_VOWEL_SECONDS)
        share = 0.3 + 0.7 * min(1.0, seconds / _FULL_PAUSE_SECONDS) if symbol == SILENCE else 1.0
        return phone.jaw_dominance * share
    if channel in ("round", "wide"):
        return phone.lip_dominance
    return 1.0


def _fall_off(times: NDArray[np.float64], start: float, end: float, phone: Phone, channel: str) -> NDArray[np.float64]:
    """1 inside the sound, less towards its edges, falling off outside."""
    seconds = end - start
    before, after = _REACH[channel]
    if channel == "open" and phone.jaw_dominance >= _STRONG:
        before = after = _REACH_OF_CLOSURE
    edge = min(0.12 * seconds, 0.012) if phone.close == 1 else min(0.25 * seconds, 0.03)
    early = np.maximum(0, start + edge - times)
    late = np.maximum(0, times - (end - edge))
    falling: NDArray[np.float64] = np.exp(-early / before - late / after)
    return falling
