"""Videos opened, and their frames as pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from spark_avatar.errors import InputError
from spark_avatar.media.container import open_media
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article

_HD_HEIGHT: Final = 720
"""Untagged video of this height or more is taken for BT.709, of less for BT.601, as players do."""
_CHROMA: Final = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_WANTED: Final = "a whole MP4, MOV, WebM or MKV file"


@contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its first moving picture, which a sound's cover is not.

    Raises `InputError`, saying what the file is, if it holds none; damage found inside the block becomes `InputError` too.
    """
    try:
        with open_media(path) as container:
            moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
            if not moving or cast("VideoCodecContext | None", moving[0].codec_context) is None:  # FFmpeg has no decoder
                raise unreadable(path, sound_only=bool(container.streams.audio) and not moving)
            yield container, moving[0]
    except av.FFmpegError as error:
        raise unreadable(path) from error


def frame_pixels(frame: VideoFrame, layout: str, *, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """(height, width, channels) of a frame, upright; `layout` is FFmpeg's name of the pixels.

    `size` is the width and height to scale the stored picture to, before it is turned upright.
    """
    width, height = size or (frame.width, frame.height)
    pixels = frame.to_ndarray(format=layout, width=width, height=height, src_colorspace=_matrix(frame), interpolation=_CHROMA)
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90), dtype=np.uint8)


def unreadable(path: Path, *, sound_only: bool = False) -> InputError:
    """The error for a file without a moving picture that can be read, which says what it is; `sound_only` if it holds sound."""
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    name = with_article(sniff_media(head))
    if sniff_kind(head) != "video":
        return InputError(f"The file is {name}, not a video that can be read: give {_WANTED}.")
    if sound_only:
        return InputError(f"The file is {name} that holds sound only: give {_WANTED} with a moving picture.")
    return InputError(f"The file is {name} that is damaged, cut short or of an unknown coding: give {_WANTED}.")


def _matrix(frame: VideoFrame) -> int:
    """The YUV matrix of a frame, as swscale numbers it."""
    known = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.SMPTE170M, 9: Colorspace.BT2020}  # ITU-T H.273, table 4
    return known.get(frame.colorspace) or (Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601)
