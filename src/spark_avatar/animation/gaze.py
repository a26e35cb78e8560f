"""Where the eyes look: at the viewer, with small jumps, whatever the head does; aside for a moment while planning a phrase."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times
from spark_avatar.media.arrays import Curve, FloatArray

# How far the eyes turn at eyeLook = 1, as the built-in engine shows it.
SIDE_DEGREES: Final = 22.0
HEIGHT_DEGREES: Final = 15.0

# Fixations on a partner's face last about a second and lie within two or three degrees.
_MEDIAN_FIXATION: Final = 1.1
_FIXATION_SPREAD: Final = 0.5
_SHORTEST_FIXATION: Final = 0.25
_OFFSET_DEGREES: Final = (1.5, 0.8)
_FURTHEST_DEGREES: Final = 4.0
_SACCADE_SECONDS: Final = 0.045
# Speakers look away while they plan what to say, about when they begin, and back at who listens (Kendon 1967). In front of a
# camera they do so seldom and not far.
_AVERSION_CHANCE: Final = 0.4
_PLANNING_PAUSE_SECONDS: Final = 0.45
_AVERSION_LEAD: Final = (0.1, 0.4)
_AVERSION_SECONDS: Final = (0.5, 1.2)
_AVERSION_SIDE: Final = (4.5, 8.0)
_AVERSION_HEIGHT: Final = (-4.0, 3.0)
# The vestibulo-ocular reflex: the eyes turn back by what the head turns.
_COMPENSATION: Final = 0.9


def animate_gaze(head_rotation: FloatArray, phrasing: Phrasing, times: Times, rng: np.random.Generator) -> dict[str, Curve]:
    """The eight eyeLook shapes, each (frames,); straight ahead in the first frame.

    `head_rotation` is (frames, 3) in degrees, signs of `HeadPose`.
    """
    offset = _looking_away(_fixations(times, rng), phrasing, times, rng)
    right = offset[:, 0] - _COMPENSATION * head_rotation[:, 0]
    down = offset[:, 1] - _COMPENSATION * head_rotation[:, 1]
    side = np.clip(right / SIDE_DEGREES, -1, 1).astype(np.float32)
    height = np.clip(down / HEIGHT_DEGREES, -1, 1).astype(np.float32)
    # The picture's right is the subject's left.
    return {
        "eyeLookOutLeft": np.maximum(side, 0),
        "eyeLookInRight": np.maximum(side, 0),
        "eyeLookInLeft": np.maximum(-side, 0),
        "eyeLookOutRight": np.maximum(-side, 0),
        "eyeLookDownLeft": np.maximum(height, 0),
        "eyeLookDownRight": np.maximum(height, 0),
        "eyeLookUpLeft": np.maximum(-height, 0),
        "eyeLookUpRight": np.maximum(-height, 0),
    }


def _fixations(times: Times, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 2): degrees to the picture's right and down of the point that is looked at; zero at first."""
    moments, targets = [0.0], [np.zeros(2)]
    moment = 0.0
    while True:
        moment += max(_SHORTEST_FIXATION, _MEDIAN_FIXATION * np.exp(rng.normal(0, _FIXATION_SPREAD)))
        if moment >= times[-1]:
            break
        target = np.clip(rng.normal(0, _OFFSET_DEGREES), -_FURTHEST_DEGREES, _FURTHEST_DEGREES)
        moments += [moment, moment + _SACCADE_SECONDS]
        targets += [targets[-1], target]
    points = np.array(targets)
    return np.stack([np.interp(times, moments, points[:, axis]) for axis in range(2)], axis=1)


def _looking_away(offset: NDArray[np.float64], phrasing: Phrasing, times: Times, rng: np.random.Generator) -> NDArray[np.float64]:
    """The fixations, (frames, 2), with some to the side where a phrase begins after a pause."""
    offset = offset.copy()
    for end, start in zip(phrasing.ends[:-1], phrasing.starts[1:], strict=True):
        averts, lead, lasts = rng.random() < _AVERSION_CHANCE, rng.uniform(*_AVERSION_LEAD), rng.uniform(*_AVERSION_SECONDS)
        target = np.array([rng.choice((-1.0, 1.0)) * rng.uniform(*_AVERSION_SIDE), rng.uniform(*_AVERSION_HEIGHT)])
        if not averts or start - end < _PLANNING_PAUSE_SECONDS:
            continue
        first, last = np.searchsorted(times, (start - lead, start - lead + lasts))
        since = times[first:last] - (start - lead)
        away = np.clip(np.minimum(since, lasts - since) / _SACCADE_SECONDS, 0, 1)[:, None]
        offset[first:last] += away * (target - offset[first:last])
    return offset
