"""Videos: written frame by frame with the encoder in a thread of its own, measured, and read back."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.codec import Codec

from spark_avatar.errors import GenerationError
from spark_avatar.media.arrays import Box, RGBAImage, RGBImage
from spark_avatar.media.decoder import frame_pixels, opened_video, unreadable
from spark_avatar.media.encoder import VideoEncoder
from spark_avatar.media.marks import FrameMark
from spark_avatar.media.recording import Recording
from spark_avatar.media.video_format import MP4, VideoFormat

_WAITING_FRAMES: Final = 4
"""Frames that may wait for the encoder: enough to even out both sides, little memory."""
_WAITING_BYTES: Final = 32_000_000
"""All of them together, of large ones fewer: at 3840 x 2160 a frame has 25 MB."""
_NEGLIGIBLE: Final = Fraction(1, 1000)
"""Of a frame: sound so short beyond the last frame is rounding, not sound."""


def frame_count(seconds: float | Fraction, frame_rate: Fraction) -> int:
    """Frames for a recording of this length: the least that cover it, so that no sound is lost; at least one."""
    return max(1, math.ceil(Fraction(seconds) * frame_rate - _NEGLIGIBLE))


class VideoWriter:
    """Writes a video of `frame_count(seconds, frame_rate)` frames, with the sound of `audio` if given.

    Encoding runs in a thread while the next frame is made; FFmpeg works without the interpreter's lock. The sound keeps its
    rate up to 48 kHz and its one or two channels, and is decoded along with the frames, so memory is flat for any length.
    Both streams end at the same time. Every frame carries `mark`. Unless `close` succeeds, no file remains.

        with VideoWriter(path, width=512, height=512, frame_rate=Fraction(25), audio=speech, seconds=3.2) as video:
            for frame in frames:
                video.write(frame)
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        frame_rate: Fraction,
        audio: Path | None,
        seconds: float,
        mark: FrameMark | None = None,
        video: VideoFormat = MP4,
        alpha: bool = False,
        moving: Box | None = None,
    ) -> None:
        """With `alpha` frames are (height, width, 4). Outside of `moving` all frames are like the first one, by default
        nowhere: what stands still is copied, marked and converted once. Raises `ValueError` for odd sides and for a format that
        has no transparency where it is asked for, and `AudioUnreadable`.
        """
        if width <= 0 or height <= 0 or width % 2 or height % 2:
            raise ValueError(f"width and height must be even and positive, not {width} x {height}")
        self.frames = frame_count(seconds, frame_rate)
        """How many frames must be written."""
        self._mark = mark
        self._shape = (height, width, 4 if alpha else 3)
        self._written = 0
        self._closed = False
        self._failure: Exception | None = None
        try:
            self._encoder = VideoEncoder(
                path, width=width, height=height, frame_rate=frame_rate, audio=audio, video=video, alpha=alpha
            )
        except (av.FFmpegError, OSError) as error:
            raise _as_own(error) from error
        box = None if moving is None else _evened(moving)
        self._moving = box if self._encoder.takes_parts and box != (0, 0, width, height) else None
        if mark is not None:
            mark.restart()
        self._queue: Queue[tuple[RGBImage | RGBAImage, Box | None] | None] = Queue(
            max(1, min(_WAITING_FRAMES, _WAITING_BYTES // math.prod(self._shape)))
        )
        self._thread = Thread(target=self._encode_frames, name="video-encoder", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()

    def write(self, frame: RGBImage | RGBAImage) -> None:
        """Takes a copy of the next frame; waits while the encoder is behind.

        Raises `ValueError` for a frame of another shape or one too many, and what went wrong with earlier frames:
        `GenerationError`, or `AudioUnreadable` if the sound turns out to be damaged.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"expected a frame of {self._shape} uint8, not {frame.shape} {frame.dtype}")
        if self._written == self.frames:
            raise ValueError(f"all {self.frames} frames have been written")
        if self._failure is not None:
            raise _as_own(self._failure) from self._failure
        self._written += 1
        if self._written == 1 or self._moving is None:
            copy = np.array(frame, order="C")
            if self._mark is not None:
                self._mark.draw(copy)
            self._queue.put((copy, None))
        else:
            x0, y0, x1, y1 = self._moving
            part = np.array(frame[y0:y1, x0:x1], order="C")
            if self._mark is not None:
                self._mark.draw_part(part, self._moving)
            self._queue.put((part, self._moving))

    def close(self) -> None:
        """Finishes the file. Raises as `write` does, and `GenerationError` if frames are missing; the file is gone then."""
        if self._closed:
            return
        self._stop()
        try:
            if self._failure is not None:
                raise self._failure
            if self._written != self.frames:
                raise GenerationError(f"The video has {self._written} of {self.frames} frames.")
            self._encoder.finish()
        except Exception as error:
            self._encoder.abandon()
            raise _as_own(error) from error

    def abandon(self) -> None:
        """Stops and removes the file; nothing happens after `close`."""
        if self._closed:
            return
        self._failure = self._failure or GenerationError("The video was abandoned.")  # waiting frames are dropped
        self._stop()
        self._encoder.abandon()
        if self._mark is not None:
            self._mark.restart()

    def _stop(self) -> None:
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _encode_frames(self) -> None:
        """The thread: goes on taking frames after a failure, so that `write` never waits for a thread that is gone."""
        while (taken := self._queue.get()) is not None:
            pixels, box = taken
            if self._failure is None:
                try:
                    if box is None:
                        self._encoder.add(pixels)
                    else:
                        self._encoder.add_part(pixels, box)
                except Exception as error:  # noqa: BLE001 - handed to the next `write` or `close`
                    self._failure = error


@dataclass(frozen=True)
class VideoFacts:
    """What a video file holds, counted and not taken from its header."""

    codec: str
    profile: str
    pix_fmt: str
    width: int
    height: int
    frame_rate: Fraction
    frames: int
    seconds: float
    """From the first frame's start to the last one's end."""
    timed: bool
    """Whether the first frame is shown at 0, and of every packet it is said when it is shown and when decoded."""
    audio_codec: str | None
    audio_rate: int | None
    """Hz."""
    audio_channels: int | None
    audio_seconds: float | None
    """To the sample."""
    comment: str
    """The metadata's comment."""
    metadata: Mapping[str, str]
    """All plain metadata of the file."""


def probe_video(path: Path) -> VideoFacts:
    """Measures a video by reading it through. Raises `InputError` if there is none."""
    with opened_video(path) as (container, stream):
        context = stream.codec_context
        base, rate = stream.time_base, stream.average_rate
        if base is None or not rate:
            raise unreadable(path)
        usual = round(1 / (rate * base))  # Matroska may leave it out
        times = [(p.pts, p.dts, p.duration or usual) for p in container.demux(stream) if p.size]
        spans = [(pts, pts + duration) for pts, _, duration in times if pts is not None]
        if not spans:
            raise unreadable(path)
        codec, rate_out, channels, audio_seconds = _sound_of(path) if container.streams.audio else (None, None, None, None)
        return VideoFacts(
            codec=context.codec.canonical_name,
            profile=context.profile or "",
            pix_fmt=context.pix_fmt or "",
            width=context.width,
            height=context.height,
            frame_rate=rate,
            frames=len(spans),
            seconds=float((max(end for _, end in spans) - min(start for start, _ in spans)) * base),
            timed=min(spans)[0] == 0 and all(pts is not None and dts is not None for pts, dts, _ in times),
            audio_codec=codec,
            audio_rate=rate_out,
            audio_channels=channels,
            audio_seconds=audio_seconds,
            comment=_comment(container.metadata),
            metadata=dict(container.metadata),
        )


def read_frames(path: Path) -> Iterator[RGBImage]:
    """The frames of a video, upright, in the order they are shown. Raises `InputError` if there are none."""
    with opened_video(path) as (container, stream):
        stream.thread_count = 2
        for frame in container.decode(stream):
            yield frame_pixels(frame, "rgb24")


def read_transparent_frames(path: Path) -> Iterator[RGBAImage]:
    """As `read_frames`, with the opacity; it is 255 where the video has none. Raises `InputError` too."""
    with opened_video(path) as (container, stream):
        if stream.codec_context.name == "vp9":  # FFmpeg's own decoder leaves the second stream, the opacity, alone
            decoder = Codec("libvpx-vp9", "r").create("video")
            decoder.extradata = stream.codec_context.extradata
        else:
            decoder = stream.codec_context
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                yield frame_pixels(frame, "rgba")


def _comment(metadata: Mapping[str, str]) -> str:
    """Matroska's names are in capitals."""
    return metadata.get("comment") or metadata.get("COMMENT", "")


def _sound_of(path: Path) -> tuple[str, int, int, float]:
    """Codec, rate, channels and seconds."""
    with Recording(path) as recording:
        for _ in recording.blocks():
            pass
        return recording.codec, recording.sample_rate, recording.channels, float(recording.seconds)


def _evened(box: Box) -> Box:
    """The least box around it whose corners are even: chroma has one value for 2 x 2 pixels."""
    x0, y0, x1, y1 = box
    return x0 - x0 % 2, y0 - y0 % 2, x1 + x1 % 2, y1 + y1 % 2


def _as_own(error: Exception) -> Exception:
    """FFmpeg's errors carry the file's path: only the reason is kept."""
    if isinstance(error, (av.FFmpegError, OSError)):
        return GenerationError(f"The video could not be written: {error.strerror or 'the encoder failed'}.")
    return error
