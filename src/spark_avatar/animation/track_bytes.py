"""Animation tracks as bytes, exact to the last bit: for workers that render parts of one track. JSON and CSV round."""

import io
from fractions import Fraction
from zipfile import BadZipFile

import numpy as np

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.errors import InvalidOptions

_ARRAYS = ("blendshapes", "head_rotation", "head_translation", "breath")


def pack_track(track: AnimationTrack) -> bytes:
    """The track, compressed: about 100 bytes a frame."""
    rate = np.array([track.frame_rate.numerator, track.frame_rate.denominator], np.int64)
    file = io.BytesIO()
    np.savez_compressed(file, frame_rate=rate, **{name: getattr(track, name) for name in _ARRAYS})
    return file.getvalue()


def unpack_track(packed: bytes) -> AnimationTrack:
    """The same track. Raises `InvalidOptions` for what `pack_track` did not make."""
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as content:
            numerator, denominator = (int(value) for value in content["frame_rate"])
            return AnimationTrack(Fraction(numerator, denominator), **{name: content[name] for name in _ARRAYS})
    except (KeyError, ValueError, OSError, EOFError, BadZipFile, ZeroDivisionError) as error:
        raise InvalidOptions("The packed animation track is damaged.") from error
