"""Breath: quick intakes before phrases, slow release while speaking."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times, ease
from spark_avatar.media.arrays import Curve

# Speakers breathe in within half a second in a pause; otherwise a breath takes about 4 s (15 a minute).
_INTAKE_SECONDS: Final = (0.45, 0.6)
_QUIET_INTAKE_SECONDS: Final = (1.1, 1.6)
_CYCLE_SECONDS: Final = (3.3, 4.7)
_SHORTEST_CYCLE_SECONDS: Final = 1.6
_DEPTH: Final = (0.7, 1.0)
_RELEASE_SECONDS: Final = 3.2


def animate_breath(phrasing: Phrasing, times: Times, rng: np.random.Generator) -> Curve:
    """(frames,), 0 = breathed out, 1 = breathed in; breathed out in the first frame."""
    breath = np.zeros(len(times))
    intakes = _intakes(float(times[-1]), phrasing, rng)
    followings = [*(start for start, _ in intakes[1:]), np.inf]
    level = 0.0
    for (start, length), following in zip(intakes, followings, strict=False):
        depth = rng.uniform(*_DEPTH)
        first, last = np.searchsorted(times, (start, following))
        since = times[first:last] - start
        release = np.maximum(since - length, 0) / _RELEASE_SECONDS
        breath[first:last] = (level + (depth - level) * ease(since / length)) * (1 - ease(release))
        if np.isfinite(following):
            level = depth * float(1 - ease(np.array((following - start - length) / _RELEASE_SECONDS)))
    return breath.astype(np.float32)


def _intakes(seconds: float, phrasing: Phrasing, rng: np.random.Generator) -> list[tuple[float, float]]:
    """(start, length) of every intake in order: before each phrase, and between them as at rest."""
    intakes: list[tuple[float, float]] = []
    phrases: list[NDArray[np.float64] | float] = [*phrasing.starts, np.inf]
    moment = rng.uniform(0.0, 1.0)
    for phrase in phrases:
        length = rng.uniform(*_INTAKE_SECONDS)
        due = float(phrase) - length
        while moment < min(due - _SHORTEST_CYCLE_SECONDS, seconds):
            quiet = rng.uniform(*_QUIET_INTAKE_SECONDS)
            intakes.append((moment, quiet))
            moment += rng.uniform(*_CYCLE_SECONDS)
        if np.isfinite(due) and due >= 0 and (not intakes or due - intakes[-1][0] >= _SHORTEST_CYCLE_SECONDS):
            intakes.append((due, length))
            moment = due + rng.uniform(*_CYCLE_SECONDS)
    return intakes
