"""Sound files of floating-point numbers may hold more than full scale: nothing is lost, it only has to be made quieter."""

from pathlib import Path
from typing import Final

import numpy as np

from spark_avatar.media.container import open_media

FLOAT_CODECS: Final = frozenset({"pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"})
_TOLERATED: Final = 1.12
"""1 dB over: a resampler's overshoot over what was clipped before; to scale that would hide the clipping."""
_WILD: Final = 16
"""So many samples may be larger still: damage, which must not make the rest silent."""


def gain_into_range(path: Path) -> float:
    """By what to multiply a file of one of the `FLOAT_CODECS` so that it stays within -1..1: 1 for nearly all. Goes through the
    file once. Raises `av.FFmpegError` where that is damaged.
    """
    loudest = np.zeros(_WILD + 1, np.float32)
    with open_media(path, sound_only=True) as container:
        for frame in container.decode(container.streams.audio[0]):
            size = np.abs(frame.to_ndarray()).ravel().astype(np.float32)
            over = size[np.isfinite(size) & (size > loudest.min())]
            loudest = np.partition(np.concatenate([loudest, over]), len(over))[len(over) :]
    peak = float(loudest.min())
    return 1 / peak if peak > _TOLERATED else 1.0
