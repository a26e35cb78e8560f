"""Where a watermark's bits lie in a picture, and how a number holds a bit.

A picture is seen as 112 x 112 cells, whatever its size: the grid belongs to the frame, so that a video scaled to half has the
same cells. A lapped cosine transform (MDCT with a sine window: J. P. Princen and A. B. Bradley, IEEE Trans. ASSP 34, 1986) of
their brightness gives numbers that each belong to a small region and to a band of waves of 5 to 16 cells: finer ones do not
survive encoding, coarser ones are seen. It is lapped because the blocks of a plain DCT show on even ground.

A number holds a bit by quantisation index modulation (B. Chen and G. W. Wornell, IEEE Trans. Inf. Theory 47, 2001): zeros sit
on one lattice, ones on the lattice halfway between, both shifted by a key. So the picture itself is no noise to the reader,
and moving a number costs half a step at most. Steps grow with the number's size (logarithmic, up to `COARSEST` times): even
ground is touched least, texture hides more.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import RGBImage
from spark_avatar.provenance.codeword import CODEWORD, Bits, Floats

CELLS: Final = 112
_BLOCK: Final = 8
_BANDS: Final = (2, 3, 4)
"""Sums of horizontal and vertical frequency, in half waves per block."""
STEP: Final = 4.2
"""Between lattice points of the same bit, at 0. Found by experiment: the least that half size and CRF 28 together leave
readable on portraits without an even background."""
_SOFTNESS: Final = 3.5
"""The size at which a step has doubled."""
COARSEST: Final = 3.5
_KNEE: Final = _SOFTNESS * (COARSEST - 1)
_BENT: Final = _SOFTNESS * float(np.log(COARSEST))


@dataclass(frozen=True)
class Lattice:
    """The places of a codeword's bits. The key is public: anybody may read the mark, as anybody may read the manifest."""

    transform: Floats
    """Orthonormal, (cells, cells)."""
    chosen: NDArray[np.bool_]
    """Which numbers hold bits, (cells, cells)."""
    shift: Floats
    """Of each number's lattices, 0..`STEP`."""
    bit: NDArray[np.int64]
    """Which bit of the codeword each number holds."""

    def numbers(self, cells: Floats) -> Floats:
        """The numbers that hold bits, given the cells."""
        return np.asarray((self.transform @ cells @ self.transform.T)[self.chosen])

    def cells(self, numbers: Floats) -> Floats:
        """The cells that have these numbers and no others."""
        spread = np.zeros((CELLS, CELLS))
        spread[self.chosen] = numbers
        return np.asarray(self.transform.T @ spread @ self.transform)

    def moved(self, numbers: Floats, codeword: Bits) -> Floats:
        """The nearest numbers that hold the codeword."""
        bent = bend(numbers)
        target = self.shift + codeword[self.bit] * (STEP / 2)
        return unbend(target + STEP * np.rint((bent - target) / STEP))

    def leaning(self, numbers: Floats) -> Floats:
        """How each number leans: 1 where it says 0, -1 where it says 1, between them where it is unsure."""
        return np.asarray(np.cos(2 * np.pi / STEP * (bend(numbers) - self.shift)))


def lattice() -> Lattice:
    """The lattice of this version."""
    transform = _mdct()
    chosen = np.zeros((CELLS, CELLS), bool)
    for down in range(_BLOCK):
        for across in range(_BLOCK):
            chosen[down::_BLOCK, across::_BLOCK] = down + across in _BANDS
    count = int(chosen.sum())
    # A hash function, not a random generator: its stream will be the same in every later version of everything.
    noise = np.frombuffer(hashlib.shake_256(b"spark-avatar watermark 1").digest(8 * count), ">u4")
    order = np.argsort(noise[count:], kind="stable")
    bit = np.empty(count, np.int64)
    bit[order] = np.arange(count) % CODEWORD
    return Lattice(transform, chosen, noise[:count] / 2**32 * STEP, bit)


def brightness(frame: RGBImage) -> Floats:
    """A frame's cells."""
    return shrunk(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32))


def shrunk(picture: NDArray[np.float32]) -> Floats:
    """Means of the cells of a picture with one channel; between pixels where it has fewer of them than there are cells."""
    small = min(picture.shape) < CELLS
    cells = cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_CUBIC if small else cv2.INTER_AREA)
    return np.asarray(cells, np.float64)


def bend(numbers: Floats) -> Floats:
    """Numbers on the scale on which all steps are alike."""
    size = np.abs(numbers)
    near = _SOFTNESS * np.log1p(np.minimum(size, _KNEE) / _SOFTNESS)
    return np.asarray(np.sign(numbers) * np.where(size < _KNEE, near, _BENT + (size - _KNEE) / COARSEST))


def unbend(bent: Floats) -> Floats:
    """The reverse of `bend`."""
    size = np.abs(bent)
    near = _SOFTNESS * np.expm1(np.minimum(size, _BENT) / _SOFTNESS)
    return np.asarray(np.sign(bent) * np.where(size < _BENT, near, _KNEE + (size - _BENT) * COARSEST))


def coarseness(numbers: Floats) -> Floats:
    """How much longer steps are here than at 0."""
    return np.minimum(1 + np.abs(numbers) / _SOFTNESS, COARSEST)


def _mdct() -> Floats:
    """The transform of all cells in a row, the last block lapping over the first."""
    place = np.arange(2 * _BLOCK)
    window = np.sin(np.pi * (place + 0.5) / (2 * _BLOCK))
    waves = np.cos(np.pi / _BLOCK * np.outer(np.arange(_BLOCK) + 0.5, place + 0.5 + _BLOCK / 2))
    block = np.sqrt(2 / _BLOCK) * window * waves
    whole = np.zeros((CELLS, CELLS))
    for start in range(0, CELLS, _BLOCK):
        whole[start : start + _BLOCK, (place + start - _BLOCK // 2) % CELLS] = block
    return whole
