"""How alike two mouths are. Curves are at 25 frames per second unless said otherwise; a lag is positive if the first is late."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Values = NDArray[np.float32] | NDArray[np.float64]
Events = list[tuple[int, int]]
"""First and last frames."""

FURTHEST_LAG: Final = 10
CLOSED: Final = 0.025
"""Filmed lips count as shut under this gap (closed ones read 0.002-0.006), and as parted over the next one."""
PARTED: Final = 0.040
_TOLERANCE: Final = 2
_DRAWS: Final = 200
_SHORTEST_TURN: Final = 25


@dataclass(frozen=True)
class Agreement:
    """Pearson r at the lag where it is highest."""

    r: float
    lag: int
    """Frames."""


@dataclass(frozen=True)
class ClosureScore:
    """How well closures are met, one to one within two frames, and what luck would score."""

    f1: float
    chance: float
    recall: float
    precision: float


def pearson(a: Values, b: Values) -> float:
    """0 if either curve is constant."""
    if len(a) < 3 or np.std(a) < 1e-9 or np.std(b) < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def overlap(a: Values, b: Values, lag: int) -> tuple[Values, Values]:
    """What remains of both once `a` is moved `lag` frames earlier."""
    length = min(len(a), len(b))
    a, b = a[:length], b[:length]
    return (a[lag:], b[: length - lag]) if lag >= 0 else (a[: length + lag], b[-lag:])


def best_agreement(predicted: Values, real: Values) -> Agreement:
    """The highest r within ten frames: filmed clips have audio offsets of their own."""
    lags = range(-FURTHEST_LAG, FURTHEST_LAG + 1)
    found = [pearson(*overlap(predicted, real, lag)) for lag in lags]
    best = int(np.argmax(found))
    return Agreement(found[best], lags[best])


def closures(gap: Values, closed: float = CLOSED, parted: float = PARTED) -> Events:
    """Times at which lips meet between parted ones; rest at either end does not count."""
    below, count = ndimage.label(gap < closed)
    merged: Events = []
    for run in ndimage.find_objects(below, count):
        first, last = run[0].start, run[0].stop - 1
        if merged and not (gap[merged[-1][1] : first] > parted).any():
            first = merged.pop()[0]
        merged.append((first, last))
    return [(first, last) for first, last in merged if (gap[:first] > parted).any() and (gap[last + 1 :] > parted).any()]


def hits(predicted: Events, real: Events, tolerance: int = _TOLERANCE) -> int:
    """How many events of both lists are met one to one, the nearest first."""
    pairs = sorted(
        (max(p_first - last, first - p_last, 0), abs(p_first + p_last - first - last), i, j)
        for i, (p_first, p_last) in enumerate(predicted)
        for j, (first, last) in enumerate(real)
    )
    used_predicted: set[int] = set()
    used_real: set[int] = set()
    for distance, _, i, j in pairs:
        if distance <= tolerance and i not in used_predicted and j not in used_real:
            used_predicted.add(i)
            used_real.add(j)
    return len(used_real)


def closure_score(predicted: Events, real: Events, length: int) -> ClosureScore:
    """Against `chance`, the mean F1 of the predictions turned round by a random amount."""
    f1, precision, recall = _f1(predicted, real)
    random = np.random.default_rng(0)
    turned = []
    for shift in random.integers(_SHORTEST_TURN, max(length - _SHORTEST_TURN, _SHORTEST_TURN + 1), _DRAWS):
        moved = [((first + shift) % length, (first + shift) % length + last - first) for first, last in predicted]
        turned.append(_f1(moved, real)[0])
    return ClosureScore(f1, float(np.mean(turned)), recall, precision)


def chance_r(predicted: Values, real: Values) -> float:
    """95th percentile of the best r of the prediction turned round by a random amount."""
    length = min(len(predicted), len(real))
    random = np.random.default_rng(0)
    shifts = random.integers(_SHORTEST_TURN, length - _SHORTEST_TURN, _DRAWS)
    return float(np.percentile([best_agreement(np.roll(predicted[:length], s), real[:length]).r for s in shifts], 95))


def _f1(predicted: Events, real: Events) -> tuple[float, float, float]:
    met = hits(predicted, real)
    precision = met / len(predicted) if predicted else 0.0
    recall = met / len(real) if real else 0.0
    return (2 * precision * recall / (precision + recall) if met else 0.0), precision, recall
