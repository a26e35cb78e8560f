"""Two channels to one."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray, Samples

_CANCELLED: Final = 0.1
"""Power of the mean over that of the louder channel, under which the channels take each other away: -10 dB. One silent channel
leaves -6 dB, two that have nothing in common -3 dB."""
_RECOVERED: Final = 0.2
_CLEARLY_LOUDER: Final = 4.0
_MEMORY_SECONDS: Final = 0.5


def mixed(blocks: Iterable[FloatArray], rate: int) -> Iterator[Samples]:
    """(2, n) blocks at `rate` Hz to (n,): the mean of both channels, or the louder one where one is the other turned upside down
    (a cable or plug that is wired wrongly), since there the mean would be silence.
    """
    # Mean, left, right: what is taken of both channels, and how loud it was of late.
    shares: FloatArray = np.array([[0.5, 0.5], [1, 0], [0, 1]], np.float32)
    power = np.zeros(3)
    taken: int | None = None
    for block in blocks:
        forgotten = np.exp(-block.shape[1] / (_MEMORY_SECONDS * rate))
        power = forgotten * power + np.square(shares @ block).sum(axis=1)
        wanted = _choice(power, taken or 0)
        before = wanted if taken is None else taken
        now = shares[wanted] @ block
        if wanted != before:  # a step would be heard as a click
            into = np.linspace(0, 1, block.shape[1], dtype=np.float32)
            now = into * now + (1 - into) * (shares[before] @ block)
        taken = wanted
        yield now


def _choice(power: NDArray[np.float64], taken: int) -> int:
    """0 for the mean, 1 and 2 for a channel; what is taken stays until another is clearly better."""
    mean, left, right = power
    louder = max(left, right)
    if mean >= (_RECOVERED if taken else _CANCELLED) * louder:
        return 0
    if taken and power[taken] * _CLEARLY_LOUDER >= louder:
        return taken
    return 1 if left >= right else 2
