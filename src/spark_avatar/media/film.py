"""Films as a player shows them: every frame at its time, upright, with square pixels.

Phones film at a rate that varies, and old cameras with pixels that are wider than high; what is rendered here has neither, and
is read by `video.read_frames`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from spark_avatar.media.arrays import RGBImage
from spark_avatar.media.decoder import frame_pixels, opened_video, unreadable

LONGEST_PAUSE: Final = 10.0
"""Seconds. Timestamps that leap further, or back, are a recorder's new start and no time, as FFmpeg takes them too."""
_MOST_STRETCHED: Final = 4
"""Pixels of real films are at most twice as wide as high or half as wide (ITU-R BT.601, DVCPRO HD, anamorphic lenses): headers
that say more than this lie."""
_SAME_RATE: Final = 0.02


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """A frame and when it is shown."""

    image: RGBImage
    seconds: float
    """From the film's first frame on."""
    shown: float
    """Seconds that it stays, as the file says; 0 where it doesn't."""


@dataclass(frozen=True)
class FilmFacts:
    """What a film says of its time."""

    frame_rate: Fraction
    """That most of its frames keep to: the header's where the timestamps bear it out, or else theirs."""
    frames: int


def probe_film(path: Path) -> FilmFacts:
    """Reads a film's timestamps through. Raises `InputError`, saying what the file is, if it holds no moving picture."""
    with opened_video(path) as (container, stream):
        packets = [packet.pts for packet in container.demux(stream) if packet.size]
        rate = _nominal_rate(stream, [pts for pts in packets if pts is not None])
        if not packets or rate is None:
            raise unreadable(path)
        return FilmFacts(rate, len(packets))


def read_film(path: Path, facts: FilmFacts) -> Iterator[FilmFrame]:
    """The frames of a film in the order they are shown, `seconds` rising; `facts` are its own. Raises `InputError` as above."""
    usual = float(1 / facts.frame_rate)
    with opened_video(path) as (container, stream):
        stream.thread_count = 2
        seconds, before = -usual, math.nan
        for frame in container.decode(stream):
            time = math.nan if frame.pts is None else frame.time
            seconds += time - before if 0 < time - before <= LONGEST_PAUSE else usual
            before = time
            yield FilmFrame(frame_pixels(frame, "rgb24", size=_square(frame, stream)), seconds, _shown(frame))


def _nominal_rate(stream: VideoStream, timestamps: list[int]) -> Fraction | None:
    """Frames a second, None if nothing tells them.

    Headers know rates such as 30000/1001 exactly; but they tell the average of a film whose rate varies, or what a muxer
    made up.
    """
    headers = [rate for rate in (stream.average_rate, stream.base_rate) if rate]
    if len(set(timestamps)) < 2 or stream.time_base is None:
        return headers[0] if headers else None
    usual = float(np.median(np.diff(np.unique(timestamps)))) * float(stream.time_base)
    tolerance = float(stream.time_base) + _SAME_RATE * usual
    borne_out = [rate for rate in headers if abs(float(1 / rate) - usual) <= tolerance]
    return borne_out[0] if borne_out else Fraction(max(1, round(1 / usual)))


def _square(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height of the stored picture with square pixels; the side that is too short is stretched."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, _MOST_STRETCHED) <= aspect <= _MOST_STRETCHED:
        return frame.width, frame.height
    if aspect > 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def _shown(frame: VideoFrame) -> float:
    seconds = float((frame.duration or 0) * (frame.time_base or 0))
    return seconds if 0 < seconds <= LONGEST_PAUSE else 0.0
