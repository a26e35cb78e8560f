"""An imperceptible mark in the frames of a video: 64 bits that survive encoding anew and scaling.

The pattern is made for the first frame and added to all: a still picture stays still, and a frame costs two additions. What
moves away from the first frame loses its bits, what stands still keeps them; the code fills in the rest. The reader looks
at many frames, and trusts a number the less, the more it changes between them.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spark_avatar.media.arrays import Box, FloatArray, RGBAImage, RGBImage
from spark_avatar.provenance.codeword import Floats, decode, encode
from spark_avatar.provenance.lattice import (
    STEP,
    brightness,
    coarseness,
    lattice,
    shrunk,
)

SMALLEST_SIDE: Final = 128
"""Pixels; a smaller frame cannot carry the mark."""
_ROUNDS: Final = 2
"""Corrections for what enlarging and cell means lose of the pattern."""

EVERY: Final = 4
"""The reader takes one frame of so many: neighbours tell the same."""
TRIES: Final = (1, 5, 25, 75, 150)
"""Frames taken when the reader tries to make sense of them: nothing has moved yet in the first one, many together have little
noise. At 25 frames a second the last try is after 24 s, or at the end."""
THRESHOLD: Final = 10.0
"""Score from which a mark counts. Pictures without one scored 6.4 on average and 8.6 at most (`benchmarks/RESULTS.md`); the
checksum, which fits by chance once in 2**32, must fit as well."""

_NOISE: Final = 1.2
"""Standard deviation that encoding leaves on a number."""
_FADING: Final = 0.04
"""Share of a number that scaling and encoding take away."""
_SUREST: Final = 3.0
"""No single number counts for more."""

_lattice = functools.cache(lattice)


@dataclass(frozen=True)
class Watermark:
    """What was read from a video."""

    identity: int
    """The 64 bits."""
    score: float
    """How well the numbers fit the codeword, in standard deviations of chance; at least `THRESHOLD`."""


class WatermarkPattern:
    """Draws the mark onto the frames of one video."""

    def __init__(self, identity: int) -> None:
        """Raises `OverflowError` unless 0 <= identity < 2**64."""
        self._codeword = encode(identity)
        self._parts: tuple[RGBImage, RGBImage] | None = None

    def draw(self, frame: RGBImage | RGBAImage) -> bool:
        """Marks a frame, (height, width, 3), in place; False if it is too small. The first one decides the pattern. Of a
        transparent frame, (height, width, 4), the colour is marked, and the opacity stays.
        """
        if min(frame.shape[:2]) < SMALLEST_SIDE:
            return False
        if self._parts is None:
            self._parts = self._pattern(frame)
        height, width = frame.shape[:2]
        self.draw_part(frame, (0, 0, width, height))
        return True

    def draw_part(self, part: RGBImage | RGBAImage, box: Box) -> None:
        """Marks the pixels of a box of a later frame, in place; nothing if the frames are too small."""
        if self._parts is None:
            return
        x0, y0, x1, y1 = box
        # The thumbnail of a transparent video is opaque.
        brighter, darker = (
            np.ascontiguousarray(pattern[y0:y1, x0:x1, : part.shape[2]])
            if pattern.shape[2] != part.shape[2]
            else pattern[y0:y1, x0:x1]
            for pattern in self._parts
        )
        cv2.add(part, brighter, dst=part)
        cv2.subtract(part, darker, dst=part)

    def _pattern(self, frame: RGBImage | RGBAImage) -> tuple[RGBImage, RGBImage]:
        """What is added to every frame and what is taken away; two parts because OpenCV is quickest on bytes."""
        places = _lattice()
        height, width = frame.shape[:2]
        before = places.numbers(brightness(np.ascontiguousarray(frame[..., :3])))
        wanted = places.moved(before, self._codeword) - before
        given = wanted.copy()
        for _ in range(_ROUNDS):
            given += wanted - places.numbers(shrunk(_enlarged(places.cells(given), width, height)))
        # Rounded by chance, so that a pattern weaker than one level is still there on average.
        chance = np.random.default_rng(0).random((height, width), np.float32)
        pattern = np.floor(_enlarged(places.cells(given), width, height) + chance)
        channels = frame.shape[2]
        return _bytes(pattern, channels), _bytes(-pattern, channels)


def read_watermark(frames: Iterable[RGBImage]) -> Watermark | None:
    """The mark of a video, if one is found; looks at the first 600 frames at most."""
    places = _lattice()
    seen: list[Floats] = []
    for number, frame in enumerate(frames):
        if number % EVERY:
            continue
        seen.append(places.numbers(brightness(frame)))
        if len(seen) in TRIES:
            found = _likeliest(np.stack(seen))
            if found is not None or len(seen) == TRIES[-1]:
                return found
    return _likeliest(np.stack(seen)) if seen else None


def likeness(numbers: Floats) -> tuple[int, bool, float]:
    """The likeliest 64 bits in the numbers of some frames, (frames, numbers), whether their checksum fits, and their score."""
    places = _lattice()
    mean, change = numbers.mean(axis=0), numbers.std(axis=0)
    spread = (_NOISE**2 + change**2 + (_FADING * mean) ** 2) / coarseness(mean) ** 2
    sureness = np.minimum((STEP / (2 * np.pi)) ** 2 / spread, _SUREST)
    soft = sureness * places.leaning(mean)
    identity, fits = decode(np.bincount(places.bit, soft).astype(np.float64))
    agreement = soft @ (1.0 - 2.0 * encode(identity)[places.bit])
    return identity, fits, float(agreement / np.sqrt((sureness**2).sum() / 2))  # the variance of a cosine by chance is 1/2


def _likeliest(numbers: Floats) -> Watermark | None:
    identity, fits, score = likeness(numbers)
    return Watermark(identity, score) if fits and score >= THRESHOLD else None


def _enlarged(cells: Floats, width: int, height: int) -> FloatArray:
    enlarged = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.float32)


def _bytes(levels: FloatArray, channels: int) -> RGBImage | RGBAImage:
    """Grey: what is below 0 is none; nothing in the fourth channel."""
    grey = np.clip(levels, 0, 255).astype(np.uint8)
    picture = np.zeros((*grey.shape, channels), np.uint8)
    picture[..., :3] = grey[..., None]
    return picture
