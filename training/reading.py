"""How the network's gap is read as a filmed one: by an exponent and by how wide a passage is spoken, chosen on other clips."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from scipy import ndimage

from spark_avatar.media.arrays import Curve
from spark_avatar.speech.features import FEATURE_RATE

_EXPONENTS: Final = (1.0, 0.9, 0.8, 0.7)
_SHARES: Final = (0.0, 0.2, 0.4, 0.6, 0.8)
_PASSAGE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Reading:
    """The same two numbers as in `animation/mouth.py`."""

    exponent: float
    """Under 1, small openings are told apart rather than large ones."""
    share: float
    """Of what a passage opens more than the recording on average, so much is added once more."""

    def __call__(self, gap: Curve) -> Curve:
        """(n,) at `FEATURE_RATE`, in the unit of `gap` to the power of the exponent."""
        gap = np.clip(gap, 0, 1)
        passage = ndimage.gaussian_filter1d(gap, _PASSAGE_SECONDS * FEATURE_RATE)
        read: Curve = gap**self.exponent * (1 + self.share * (passage / max(float(gap.mean()), 1e-6) - 1))
        return read


AS_TOLD: Final = Reading(exponent=1.0, share=0.0)
READINGS: Final = tuple(Reading(*numbers) for numbers in product(_EXPONENTS, _SHARES))


def chosen_on_others(scores: list[list[float]], clip: int) -> int:
    """Which of the readings is best on average on all clips but one; `scores` holds one row per clip, one number per reading."""
    others = np.array([row for i, row in enumerate(scores) if i != clip])
    return int(np.argmax(others.mean(axis=0)))
