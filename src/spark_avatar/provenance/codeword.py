"""The 64 bits of a watermark as a codeword that survives noise, and back.

A CRC-32 makes the 64 bits 96, so that a chance codeword is told apart. A convolutional code of rate 1/3 and constraint length 7
(generators 133, 171, 165 octal; J. G. Proakis, Digital Communications, table 8.2-2) makes these 306, decoded softly with
A. J. Viterbi's algorithm (IEEE Trans. Inf. Theory 13, 1967).
"""

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.int8]
Floats = NDArray[np.float64]

ID_BITS: Final = 64
_CRC_BITS: Final = 32
_MESSAGE: Final = ID_BITS + _CRC_BITS
_MEMORY: Final = 6
_GENERATORS: Final = (0o133, 0o171, 0o165)
_STATES: Final = 1 << _MEMORY
CODEWORD: Final = (_MESSAGE + _MEMORY) * len(_GENERATORS)
"""Bits of a codeword."""


def _output(state: int, bit: int) -> list[int]:
    """What the encoder sends for a bit, given the bits before."""
    register = bit << _MEMORY | state
    return [(register & generator).bit_count() & 1 for generator in _GENERATORS]


_OUTPUT: Final[Bits] = np.array([[_output(state, bit) for bit in (0, 1)] for state in range(_STATES)], np.int8)
"""By state and bit."""
_BEFORE: Final = ((np.arange(_STATES) & (_STATES // 2 - 1)) << 1)[:, None] | np.arange(2)
"""The two states from which each state is reached."""
_EXPECTED: Final[Floats] = 1.0 - 2.0 * _OUTPUT[_BEFORE, (np.arange(_STATES) >> (_MEMORY - 1))[:, None]]
"""What is sent on the way from them: +1 for a 0, -1 for a 1."""


def encode(identity: int) -> Bits:
    """The codeword of 64 bits, 0 <= identity < 2**64."""
    checksum = zlib.crc32(identity.to_bytes(ID_BITS // 8, "big"))
    message = identity << _CRC_BITS | checksum
    state, sent = 0, []
    for position in range(_MESSAGE - 1, -1 - _MEMORY, -1):
        bit = message >> position & 1 if position >= 0 else 0  # zeros at the end bring the encoder to rest
        sent.append(_OUTPUT[state, bit])
        state = (bit << _MEMORY | state) >> 1
    return np.concatenate(sent)


def decode(soft: Floats) -> tuple[int, bool]:
    """The likeliest 64 bits and whether their checksum fits. `soft` leans to + for a 0 and to - for a 1, the surer the farther.

    The checksum of noise fits by chance once in 2**32.
    """
    steps = soft.reshape(-1, len(_GENERATORS))
    merit = np.full(_STATES, -np.inf)
    merit[0] = 0.0
    choices = np.empty((len(steps), _STATES), np.int64)
    every = np.arange(_STATES)
    for number, step in enumerate(steps):
        ways = merit[_BEFORE] + _EXPECTED @ step
        better = ways.argmax(axis=1)
        choices[number] = _BEFORE[every, better]
        merit = ways[every, better]
    state, bits = 0, []
    for chosen in choices[::-1]:
        bits.append(state >> (_MEMORY - 1))
        state = int(chosen[state])
    message = 0
    for bit in bits[: _MEMORY - 1 : -1]:
        message = message << 1 | bit
    identity, checksum = message >> _CRC_BITS, message & (1 << _CRC_BITS) - 1
    return identity, zlib.crc32(identity.to_bytes(ID_BITS // 8, "big")) == checksum
