"""Lips between phrases: parted while the speaker has more to say, opened for the intake of breath, closed when at rest."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.sampling import band_limited_noise, ease
from spark_avatar.media.arrays import Curve
from spark_avatar.speech.features import FEATURE_RATE

# In pauses of eight filmed speakers the inner lips are 0.030-0.076 E apart (0.048 in the middle) and move 0.21-1.23 times as
# much as in speech.
_PARTED: Final = (0.032, 0.050)
_WANDER_SHARE: Final = 0.3
_WANDER_SECONDS: Final = 0.22
# Who pauses for longer than this, or has said everything, lets the mouth close.
_PARTED_SECONDS: Final = 1.4
_PARTED_AT_THE_END_SECONDS: Final = 0.25
_CLOSING_SECONDS: Final = 0.8
# Before a phrase the mouth opens to draw breath (half a second, see `breathing`) and comes back for the first sound.
_INTAKE: Final = (0.02, 0.045)
_INTAKE_SECONDS: Final = 0.6


def parted_lips(activity: NDArray[np.bool_], rng: np.random.Generator) -> Curve:
    """(n,): gap in E of lips that do not speak, at `FEATURE_RATE`; its values where somebody speaks mean nothing.

    `activity` (n,) is True where somebody speaks. Closed at the beginning, in a recording without speech, and some time after
    the last phrase.
    """
    gap = np.zeros(len(activity))
    spoken = np.flatnonzero(activity)
    if len(spoken) == 0:
        return gap.astype(np.float32)
    pauses = np.flatnonzero(np.diff(spoken) > 1)
    since_speech = np.arange(len(activity)) / FEATURE_RATE
    starts, ends = [spoken[0], *spoken[pauses + 1]], [*(spoken[pauses] + 1), spoken[-1] + 1]
    for i, end in enumerate(ends):
        following = starts[i + 1] if i + 1 < len(starts) else len(activity)
        held = _PARTED_SECONDS if i + 1 < len(starts) else _PARTED_AT_THE_END_SECONDS
        since = since_speech[: following - end]
        gap[end:following] = rng.uniform(*_PARTED) * ease((held + _CLOSING_SECONDS - since) / _CLOSING_SECONDS)
    for start in starts:
        first = start - round(_INTAKE_SECONDS * FEATURE_RATE)
        opening = rng.uniform(*_INTAKE)
        if first > 0 and not activity[first:start].any():
            phase = np.arange(start - first) / (start - first)
            gap[first:start] += opening * np.sin(np.pi * phase) ** 2
    wander = 1 + _WANDER_SHARE * np.tanh(band_limited_noise(since_speech, _WANDER_SECONDS, rng))
    curve: Curve = (gap * wander).astype(np.float32)
    return curve
