"""Which viseme is to be seen when: the 15 of Oculus Lipsync, which game engines and avatars know.

Their names and what they stand for: Meta, "Oculus Lipsync Viseme Reference".
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.features import FEATURE_RATE

VISEMES: Final = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""Silence; p b m; f v; th; t d; k g; ch sh; s z; n l; r; car; bed; tip; toe; book."""

_OF_CLASSES: Final = (
    *("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "nn", "RR"),
    *("RR", "ih", "ou", "ih", "ih", "E", "E", "aa", "aa", "aa", "E", "oh", "oh", "ou", "ou", "ou"),
)
"""The viseme of each class of sounds of the network: `CLASSES` in training/phones.py."""

_GROUPING: Final = np.equal.outer(np.array(_OF_CLASSES), np.array(VISEMES)).astype(np.float32)
_LEAST_PROBABILITY: Final = 1e-4
_CHANGE_COST: Final = 2.5
"""In nats: a viseme has to be e**2.5 times as likely as the one before to last a single frame of 20 ms."""


@dataclass(frozen=True)
class Viseme:
    """One viseme, in seconds."""

    name: str
    start: float
    end: float


def viseme_probabilities(sounds: FloatArray) -> FloatArray:
    """(n, 15) in the order of `VISEMES`, of (n, 27) probabilities of classes of sounds."""
    grouped: FloatArray = sounds @ _GROUPING
    return grouped


def find_visemes(probabilities: FloatArray, activity: NDArray[np.bool_], *, seconds: float) -> list[Viseme]:
    """The likeliest sequence: it covers the recording without a gap, and is silent where nobody speaks.

    Viterbi's algorithm with one price for every change (Forney 1973), so that no viseme flickers.
    """
    if len(probabilities) == 0:
        return []
    evidence = np.maximum(probabilities, _LEAST_PROBABILITY, dtype=np.float64)
    np.log(evidence, out=evidence)
    evidence[~activity] = np.log(_LEAST_PROBABILITY)
    evidence[~activity, 0] = 0.0
    path = _likeliest(evidence)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    # Frame i is centred on i / rate, so that its time begins half a frame earlier.
    times = [min(max((edge - 0.5) / FEATURE_RATE, 0.0), seconds) for edge in edges]
    times[-1] = seconds
    found = [Viseme(VISEMES[path[first]], start, end) for first, start, end in zip(edges, times, times[1:], strict=False)]
    return [viseme for viseme in found if viseme.end > viseme.start]


def _likeliest(evidence: NDArray[np.float64]) -> NDArray[np.intp]:
    frames, states = evidence.shape
    came_from = np.zeros((frames, states), np.int8)
    score = evidence[0].copy()
    for frame in range(1, frames):
        best = int(score.argmax())
        changed = score[best] - _CHANGE_COST
        stays = score >= changed
        came_from[frame] = np.where(stays, np.arange(states), best)
        score = np.where(stays, score, changed) + evidence[frame]
    path = np.zeros(frames, np.intp)
    path[-1] = score.argmax()
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def write_visemes(visemes: Sequence[Viseme], path: Path) -> None:
    """Writes visemes with their times in seconds; the suffix decides: `.csv`, anything else is JSON."""
    if path.suffix.lower() == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, ["viseme", "start", "end"])
            rows.writeheader()
            rows.writerows(listed(visemes))
    else:
        path.write_text(json.dumps(listed(visemes)) + "\n", encoding="utf-8")


def listed(visemes: Sequence[Viseme]) -> list[dict[str, object]]:
    """A JSON-serialisable form."""
    return [{"viseme": one.name, "start": round(one.start, 3), "end": round(one.end, 3)} for one in visemes]
