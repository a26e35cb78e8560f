"""Where a long recording's video is cut into segments."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

_MARGIN_SECONDS: Final = 0.1
"""Of a pause, at both ends, where no cut is made: a mouth closes late and opens early."""
_REACH: Final = 0.25
"""Of a segment's length, to both sides of an even cut, in which a pause is looked for."""


def cut(frames: int, frame_rate: Fraction, pauses: Sequence[tuple[float, float]], seconds: float) -> list[tuple[int, int]]:
    """The segments [first frame, end frame) of a video: of about `seconds` each, nearly even, cut in pauses of the speech where
    there is one nearby. One segment where all is shorter than that.
    """
    count = max(1, math.ceil(frames / frame_rate / Fraction(seconds)))
    length = frames / count
    edges = [0, *(_edge(number * length, length * _REACH, frame_rate, pauses) for number in range(1, count)), frames]
    return list(pairwise(sorted(set(edges))))


def _edge(even: float, reach: float, frame_rate: Fraction, pauses: Sequence[tuple[float, float]]) -> int:
    """The frame nearest to an even cut at which nobody speaks; the even cut where somebody always does."""
    rate = float(frame_rate)
    places = []
    for begin, end in pauses:
        first, last = math.ceil((begin + _MARGIN_SECONDS) * rate), math.floor((end - _MARGIN_SECONDS) * rate)
        if first <= last:
            places.append(min(max(round(even), first), last))
    nearest = min(places, key=lambda place: abs(place - even), default=round(even))
    return nearest if abs(nearest - even) <= reach else round(even)
