"""Passages that are spoken much more quietly than the rest of a recording: a second speaker far from the microphone, or a voice
after a loud beep. At the loudness of the whole the network would not hear them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve
from spark_avatar.speech import curve_filters
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.levels import Levels
from spark_avatar.speech.prosody import gliding

_CELL: Final = FEATURE_RATE // 10
"""Frames of 0.1 s, of which the loudest counts."""
_WINDOW: Final = 40
"""Cells, 4 s: pauses within speech are shorter for the most part."""
_PASSING: Final = 5
"""Cells: what is louder than the rest of a window for up to 0.5 s is a beep or a bump."""
_LASTING: Final = 15
"""Cells: as much of a window, 1.5 s, is nearly as loud, which a word or its end is not."""
_NEARLY_DB: Final = 12.0
# Speech is heard as well as ever down to 12 dB under the loud level, in part down to 18, and from 24 not at all.
_HEARD_DB: Final = 12.0
_ABOVE_NOISE_DB: Final = 15.0
_FARTHEST_DB: Final = 28.0
"""What lies so far under the loudest speech is a crowd, or a television in the next room."""
_GLIDING_SHARE: Final = 0.1
"""Of the frames of a window: 0.1-0.4 glide in speech of nine recordings, next to none in chords, tones and noise."""
_SMOOTHING: Final = 0.15 * FEATURE_RATE
_REACH: Final = FEATURE_RATE // 2


def quiet_passages(loudness: Curve, levels: Levels, pitch: Curve) -> Curve:
    """(n,): by how many dB to raise each frame, so that quiet speech comes within 12 dB of the loud level: 0 throughout in
    nearly all recordings.

    A passage is raised if 1.5 s of it are spoken within 4 s, it stands out from the noise, has a pitch that glides and lies less
    than 28 dB under other speech. Nothing comes to lie above the loud level.
    """
    cells = _in_cells(loudness, levels.noise).max(axis=1)
    width = min(_WINDOW, len(cells))
    if width <= 2 * _PASSING:
        return np.zeros(len(loudness), np.float32)
    ranks = width - 1 - np.array([_PASSING, min(_LASTING, width // 2)])
    lasting, less = np.partition(_windows(cells, width), ranks, axis=1)[:, ranks].T
    voice = (gliding(pitch) & (loudness < levels.loud - _HEARD_DB)).astype(np.float32)
    speech = _windows(_in_cells(voice, 0.0).mean(axis=1), width).mean(axis=1) > _GLIDING_SHARE
    speech &= (lasting > levels.noise + _ABOVE_NOISE_DB) & (less > lasting - _NEARLY_DB)
    speech &= lasting > less.max() - _FARTHEST_DB
    # Each moment counts as quiet as the quietest window of speech around it.
    around = np.pad(np.where(speech, lasting, levels.loud), width - 1, constant_values=levels.loud)
    missing = np.maximum(levels.loud - _HEARD_DB - _windows(around, width).min(axis=1), 0)
    if not missing.any():
        return np.zeros(len(loudness), np.float32)
    rise = curve_filters.gaussian(np.repeat(missing, _CELL)[: len(loudness)], _SMOOTHING)
    room = np.maximum(levels.loud - curve_filters.maximum(loudness, _REACH), 0)
    return np.minimum(rise, room).astype(np.float32)


def _in_cells(curve: Curve, rest: float) -> NDArray[np.float32]:
    """(cells, frames of a cell), the last one filled up with `rest`."""
    return np.pad(curve, (0, -len(curve) % _CELL), constant_values=rest).reshape(-1, _CELL)


def _windows(cells: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.lib.stride_tricks.sliding_window_view(cells, width)
