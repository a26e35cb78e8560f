"""When each sound of a text is spoken: forced alignment of expected visemes with what the network hears."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.orthography import NUMBER, VOWELS, Sound
from spark_avatar.speech.visemes import VISEMES

_LEAST_PROBABILITY: Final = 1e-3
_OTHER_VOWEL: Final = 0.35
"""What a vowel counts where another was heard: spelling hardly tells vowels apart."""
_LEAVE_OUT_NATS: Final = 6.0
_LEAVE_OUT_DOUBTFUL_NATS: Final = 1.5
_LEAVE_OUT_VOWEL_NATS: Final = 3.0
_PAUSE_NATS: Final = 2.0
_NUMBER_NATS: Final = -1.5
"""What a frame counts that is given to a number: less than one of the right words, more than one of wrong ones."""
_NUMBER_COLUMN: Final = len(VISEMES)
_BAND: Final = 150
"""Sounds to either side of the proportional place: about ten seconds of speech."""
_NEVER: Final = -1e30


@dataclass(frozen=True)
class AlignedSound:
    """A sound, or a number in figures, with its time in seconds."""

    viseme: str
    start: float
    end: float


@dataclass(frozen=True)
class Alignment:
    """A text on a recording."""

    sounds: tuple[AlignedSound, ...]
    """Those that were found, in order."""
    fit: float
    """Mean log probability per frame of speech outside numbers, in nats: about -1 for the words that are spoken, under -2.5 for
    others."""


def align(probabilities: FloatArray, activity: NDArray[np.bool_], sounds: Sequence[Sound]) -> Alignment:
    """Viterbi's algorithm over the sounds in their order, with pauses between words, in a band along the diagonal.

    `probabilities` (n, 15) and `activity` (n,) are those of `SpeechFeatures`. Sounds may be left out at a price, silent
    letters cheaply. Time and memory grow with n.
    """
    frames, states = len(probabilities), 2 * len(sounds) + 1
    if frames == 0 or not sounds:
        return Alignment((), _NEVER)
    # State 2k + 1 is sound k, state 2k the pause before it; the last state is the pause at the end.
    evidence = _evidence(probabilities, activity)
    columns = np.array([0] + [column for sound in sounds for column in (_column(sound), 0)])
    prices = np.array([_price(sound) for sound in sounds])
    pausing = np.array([*(sound.starts_word for sound in sounds), True])
    centre = np.cumsum(activity) / max(1, int(activity.sum())) * states
    width = min(states, 2 * _BAND)
    lows = np.clip((centre - width // 2).astype(int), 0, states - width)
    score = np.full(states, _NEVER)
    score[:2] = 0.0
    if states > 3:
        score[3] = -prices[0]
    moves = np.zeros((frames, width), np.int8)
    total = np.full(states, _NEVER)
    for frame in range(frames):
        low = lows[frame]
        high = low + width
        reached, move = _step(score, low, high, prices, pausing) if frame else (score[low:high], np.zeros(width, np.int8))
        moves[frame] = move
        total[:] = _NEVER
        total[low:high] = reached + evidence[frame, columns[low:high]]
        score = total.copy()
    last = states - 1 if score[-1] >= score[-2] else states - 2
    return _traced(moves, lows, last, sounds, evidence, columns, activity)


def _step(
    score: NDArray[np.float64], low: int, high: int, prices: NDArray[np.float64], pausing: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The best way into each state of the band, and how many states back it comes from."""
    padded = np.concatenate([np.full(5, _NEVER), score])
    here = np.arange(low, high)
    sound = here % 2 == 1
    index = np.minimum(here // 2, len(prices) - 1)
    before, two_before = np.maximum(index - 1, 0), np.maximum(index - 2, 0)
    # A sound: from its pause, from the sound before, over one left out, over two left out. A pause: from the sound before.
    enters_pause = np.where(pausing[np.minimum(here // 2, len(pausing) - 1)], -_PAUSE_NATS, _NEVER)
    ways = np.stack(
        [
            padded[here + 5],
            np.where(sound, padded[here + 4], padded[here + 4] + enters_pause),
            np.where(sound, padded[here + 3], _NEVER),
            np.where(sound, _NEVER, padded[here + 2] + enters_pause - prices[before]),
            np.where(sound, padded[here + 1] - prices[before], _NEVER),
            np.where(sound & (here >= 5), padded[np.maximum(here - 1, 0)] - prices[before] - prices[two_before], _NEVER),
        ]
    )
    best = ways.argmax(axis=0)
    return ways[best, np.arange(len(here))], np.array([0, 1, 2, 3, 4, 6], np.int8)[best]


def _traced(
    moves: NDArray[np.int8],
    lows: NDArray[np.intp],
    last: int,
    sounds: Sequence[Sound],
    evidence: FloatArray,
    columns: NDArray[np.intp],
    activity: NDArray[np.bool_],
) -> Alignment:
    path = np.zeros(len(moves), np.intp)
    state = last
    for frame in range(len(moves) - 1, -1, -1):
        path[frame] = state
        state -= moves[frame, np.clip(state - lows[frame], 0, moves.shape[1] - 1)]
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    found = tuple(
        AlignedSound(sounds[path[start] // 2].viseme, max(0.0, start - 0.5) / FEATURE_RATE, (end - 0.5) / FEATURE_RATE)
        for start, end in pairwise(edges)
        if path[start] % 2 == 1
    )
    spoken = evidence[np.arange(len(path)), columns[path]][activity & (columns[path] != _NUMBER_COLUMN)]
    return Alignment(found, float(spoken.mean()) if len(spoken) else _NEVER)


def _evidence(probabilities: FloatArray, activity: NDArray[np.bool_]) -> FloatArray:
    """(n, 16) log probabilities, vowels lenient towards each other; the last column is that of numbers."""
    vowels = [VISEMES.index(name) for name in VOWELS]
    lenient = probabilities.astype(np.float64)
    any_vowel = lenient[:, vowels].sum(axis=1, keepdims=True)
    lenient[:, vowels] = np.maximum(lenient[:, vowels], _OTHER_VOWEL * any_vowel)
    lenient[~activity, 0] = 1.0
    logs = np.log(np.maximum(lenient, _LEAST_PROBABILITY))
    return np.column_stack([logs, np.full(len(logs), _NUMBER_NATS)])


def _column(sound: Sound) -> int:
    return _NUMBER_COLUMN if sound.viseme == NUMBER else VISEMES.index(sound.viseme)


def _price(sound: Sound) -> float:
    if not sound.certain:
        return _LEAVE_OUT_DOUBTFUL_NATS
    return _LEAVE_OUT_VOWEL_NATS if sound.viseme in VOWELS else _LEAVE_OUT_NATS
