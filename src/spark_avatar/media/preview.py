"""A video in small: its beginning as an animated WebP, for lists of many."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from spark_avatar.media.arrays import RGBAImage, RGBImage
from spark_avatar.media.image import write_animation
from spark_avatar.media.video import probe_video, read_frames, read_transparent_frames

SECONDS: Final = 2
RATE: Final = 8
"""Pictures a second."""
LONGEST_SIDE: Final = 256


def write_preview(video: Path, target: Path, *, transparent: bool = False) -> None:
    """Saves the first seconds of a video as a small WebP that repeats for ever. Raises `InputError` for what is no video."""
    rate = probe_video(video).frame_rate
    frames = read_transparent_frames(video) if transparent else read_frames(video)
    pictures = [_shrunk(frame) for frame in islice(_thinned(frames, rate), SECONDS * RATE)]
    write_animation(target, pictures, seconds=1 / RATE)


def _thinned(frames: Iterator[RGBImage | RGBAImage], rate: Fraction) -> Iterator[RGBImage | RGBAImage]:
    """The frames that are shown when a picture of the preview is due."""
    due = 0
    for number, frame in enumerate(frames):
        if number * RATE >= due * rate:
            due += 1
            yield frame


def _shrunk(frame: RGBImage | RGBAImage) -> RGBImage | RGBAImage:
    picture = Image.fromarray(frame)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return np.array(picture, dtype=np.uint8)
