"""One video file being written: pictures and sound, a frame's worth of both at a time.

Pictures are tagged and converted as BT.709 (ITU-R BT.709-6) in limited range, which is what players expect of any untagged
HD video and obey for tagged ones. An MP4's and MOV's index stands in front (fast start), a key frame every two seconds lets
players seek, and the metadata says that the video was generated.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from spark_avatar import __version__
from spark_avatar.media.arrays import Box, FloatArray, RGBAImage, RGBImage
from spark_avatar.media.recording import Recording
from spark_avatar.media.video_format import FORMATS, MP4, VideoFormat

PROVENANCE: Final = "AI-generated video (Spark Avatar)"
"""Comment in every file."""

THREADS: Final = 2
HALVED: Final = "yuv420p"
"""The pixel format whose frames can be put together of parts: chroma of its own for every 2 x 2 pixels, and encoders (libx264,
libvpx) that take a copy of what they are given."""
_KEY_SECONDS: Final = 2

_CHROMA: Final = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
"""Chroma is the mean of the 2 x 2 pixels it stands for. Of swscale's ways from RGB to 4:2:0 the most exact (mean chroma error
0.2 of 255) and the fastest: 0.4 ms for 512 x 512 on one core."""

_MOST_BITS_PER_SAMPLE: Final = 6144 / 1024
"""Bits per channel and sample that an AAC frame can hold at most (ISO/IEC 14496-3, 4.5.3); Opus stays below it anyway."""


def missing_encoders() -> frozenset[str]:
    """FFmpeg's names of the encoders that this installation lacks; PyAV's wheels have them all."""
    wanted = {name for video in FORMATS.values() for name in (video.codec, video.sound_codec)}
    return frozenset(wanted - av.codecs_available)


def new_file(path: Path, video: VideoFormat) -> OutputContainer:
    """An empty file that says of itself that it was generated. Raises `av.FFmpegError`."""
    container = av.open(str(path.absolute()), "w", format=video.muxer, options=dict(video.muxer_options))
    container.metadata.update(comment=PROVENANCE, encoding_tool=f"Spark Avatar {__version__}")
    return container


class VideoEncoder:
    """Encodes in the calling thread. `add` frames, then `finish`; or `abandon` at any time."""

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        frame_rate: Fraction,
        audio: Path | None,
        video: VideoFormat = MP4,
        alpha: bool = False,
    ) -> None:
        """With `alpha` the frames are transparent, and `video` is a format that can be. Raises `AudioUnreadable` for a file
        without sound. `path` is created with the first frame.
        """
        pixels = video.alpha_pixels if alpha else video.pixels
        if pixels is None:
            raise ValueError(f"{video.name} has no transparency")
        self._path = path
        self._frame_rate = frame_rate
        self._frames = 0
        self._source = "rgba" if alpha else "rgb24"
        self._pixels = pixels
        self._reformatter = VideoReformatter()
        self._last: VideoFrame | None = None
        recording = Recording(audio) if audio else None
        self._container = new_file(path, video)
        self._video = _video_stream(self._container, width, height, frame_rate, video, pixels)
        self._sound = SoundTrack(self._container, recording, video) if recording else None

    @property
    def seconds(self) -> Fraction:
        """Length of the frames so far."""
        return self._frames / self._frame_rate

    @property
    def takes_parts(self) -> bool:
        """Whether there is `add_part`."""
        return self._pixels == HALVED

    def add(self, image: RGBImage | RGBAImage) -> None:
        """Encodes the next frame, and the sound that goes with it.

        Raises `av.FFmpegError` if the file cannot be written, and `AudioUnreadable`.
        """
        self._last = self._converted(image)
        self._encode(self._last)

    def add_part(self, part: RGBImage, box: Box) -> None:
        """As `add`, for a frame that differs from the one before in a box only, of which these are the pixels. Its sides and
        corners are even.
        """
        if self._last is None:
            raise ValueError("the first frame is added whole")
        x0, y0, x1, y1 = box
        for onto, plane, step in zip(self._last.planes, self._converted(part).planes, (1, 2, 2), strict=True):
            _pixels(onto)[y0 // step : y1 // step, x0 // step : x1 // step] = _pixels(plane)
        self._encode(self._last)

    def _converted(self, image: RGBImage | RGBAImage) -> VideoFrame:
        source = av.VideoFrame.from_numpy_buffer(image, self._source)
        return self._reformatter.reformat(
            source,
            format=self._pixels,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_CHROMA,
            threads=1,
        )

    def _encode(self, frame: VideoFrame) -> None:
        frame.pts, frame.time_base = self._frames, 1 / self._frame_rate
        self._frames += 1
        self._container.mux(self._video.encode(frame))
        if self._sound:
            self._container.mux(self._sound.encode_until(self.seconds))

    def finish(self) -> None:
        """Ends the file: the sound is cut, or filled with silence, to the exact length of the frames."""
        self._container.mux(self._video.encode(None))
        if self._sound:
            self._container.mux(self._sound.finish())
        self._container.close()

    def abandon(self) -> None:
        """Removes the file."""
        try:
            self._container.close()
        except (av.FFmpegError, ValueError, OSError):  # what cannot be finished need not be
            pass
        finally:
            if self._sound:
                self._sound.close()
            self._path.unlink(missing_ok=True)


class SoundTrack:
    """The recording, decoded only as far as it is needed."""

    def __init__(self, container: OutputContainer, recording: Recording, video: VideoFormat = MP4) -> None:
        rate = next((rate for rate in video.sound_rates if rate >= recording.sample_rate), video.sound_rates[-1])
        channels = min(recording.channels, 2)
        self._recording = recording
        self._rate = rate
        self._layout = "mono" if channels == 1 else "stereo"
        self._blocks: Iterator[FloatArray] = recording.blocks(rate=rate, channels=channels)
        self._waiting: FloatArray = np.zeros((channels, 0), np.float32)
        self._encoded = 0
        stream = container.add_stream(video.sound_codec, rate=rate, options=dict(video.sound_options))
        assert isinstance(stream, AudioStream)
        self._stream = stream
        stream.layout = self._layout
        if video.sound_bits:
            stream.bit_rate = min(video.sound_bits[channels], int(_MOST_BITS_PER_SAMPLE * channels * rate))

    def encode_until(self, seconds: Fraction) -> "list[Packet[AudioStream]]":
        """Packets up to `seconds` of the recording, silence after its end."""
        count = round(seconds * self._rate) - self._encoded
        frame = av.AudioFrame.from_ndarray(self._take(count), "fltp", self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._encoded, Fraction(1, self._rate)
        self._encoded += count
        return self._stream.encode(frame)

    def finish(self) -> "list[Packet[AudioStream]]":
        """The encoder's last packets."""
        self.close()
        return self._stream.encode(None)

    def close(self) -> None:
        """Frees the recording."""
        self._recording.close()

    def _take(self, count: int) -> FloatArray:
        """The next `count` samples (channels, count)."""
        blocks, held = [self._waiting], self._waiting.shape[1]
        while held < count:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros((len(self._waiting), count - held), np.float32)
            blocks.append(block)
            held += block.shape[1]
        joined = np.concatenate(blocks, axis=1)
        self._waiting = joined[:, count:]
        return np.ascontiguousarray(joined[:, :count])


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    """(height, width) of a plane with a byte per pixel, in place."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _video_stream(
    container: OutputContainer, width: int, height: int, frame_rate: Fraction, video: VideoFormat, pixels: str
) -> VideoStream:
    stream = container.add_stream(video.codec, rate=frame_rate, options=dict(video.codec_options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, pixels
    stream.time_base = 1 / frame_rate
    stream.gop_size = max(1, round(_KEY_SECONDS * frame_rate))
    stream.thread_count = THREADS
    stream.color_range = ColorRange.MPEG
    stream.colorspace = Colorspace.ITU709
    stream.color_primaries = ColorPrimaries.BT709
    stream.color_trc = ColorTrc.BT709
    return stream
