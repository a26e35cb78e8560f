"""The sound of a file, block by block: memory stays flat for any length."""

import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from spark_avatar.errors import AudioUnreadable
from spark_avatar.media.arrays import FloatArray
from spark_avatar.media.container import SOUND_DECODERS, open_media
from spark_avatar.media.over_range import FLOAT_CODECS, gain_into_range
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article

_WANTED: Final = "as WAV, MP3, M4A, Ogg, Opus, FLAC or WebM"
_RATES: Final = range(2_000, 768_001)
"""Sampling rates in Hz that recordings have; a header that says another lies."""
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_GUESSING: Final = ("mp3", "aac", "ac3", "eac3", "amr")
"""Formats without a length: FFmpeg reckons it from the bytes and the first bit rate."""
_MP3_LENGTH: Final = re.compile(rb"(?:Xing|Info)\0\0\0[\1-\x0f]|VBRI\0")
"""In the first frame of an MP3: with it, the length is told."""
_UNKNOWN_SIZE: Final = 0x7FFF0000
"""Bytes: who writes a WAV into a pipe does not know its length, and claims about the largest number there is."""


class Recording:
    """An opened sound file, or a video file's first sound stream. Read it once: by `blocks`, then `close`."""

    def __init__(self, path: Path) -> None:
        """Raises `AudioUnreadable`, saying what the file is, if it holds no sound that can be decoded."""
        self._path = path
        with path.open("rb") as file:
            self._head = file.read(SNIFF_BYTES)
        try:
            self._container = open_media(path, sound_only=True)
        except (av.FFmpegError, ValueError) as error:
            raise self._unreadable() from error
        try:
            self._stream = self._first_sound()
        except BaseException:
            self._container.close()
            raise
        context = self._stream.codec_context
        self.codec: str = context.codec.canonical_name
        self.sample_rate: int = context.sample_rate
        """Hz."""
        self.channels: int = context.channels
        self.seconds = Fraction(0)
        """Length of what `blocks` has decoded so far, exact."""
        self.claimed_seconds = (self._container.duration or 0) / av.time_base
        """Length as the header has it, perhaps a lie; 0 if it has none."""
        self.streams = len(self._container.streams.audio)
        """How many sounds the file holds, of which this is the first."""
        self._decoded = self._damaged = 0
        self._until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Frees the file."""
        self._container.close()

    @property
    def missing_seconds(self) -> float:
        """How much earlier `blocks` came to an end than the header says: 0 if it did not, or the header does not say.

        Gaps in the timestamps are no such thing.
        """
        return max(0.0, self._told_seconds() - max(self._until, float(self.seconds)))

    def blocks(self, *, rate: int | None = None, channels: int | None = None) -> Iterator[FloatArray]:
        """The sound from its first to its last sample as arrays (channels, n), -1..1, at `rate` Hz (default: its own).

        `channels` is 1 or 2 (default: its own, more than two become stereo). The mix is FFmpeg's, scaled so that it cannot
        clip: stereo to mono is the mean; of 5.1, centre and surrounds count 3 dB less than the front and the bass channel
        not at all (ITU-R BS.775). A file of floating-point numbers beyond -1..1 is scaled into it. All blocks together have
        exactly `seconds * rate` samples, rounded. Damaged packets are left out, and what follows a cut is missing.

        Raises `AudioUnreadable` if more packets are damaged than sound.
        """
        rate, channels = rate or self.sample_rate, channels or min(self.channels, 2)
        converter = _Converter(rate, channels, self._gain())
        emitted = 0
        for frame, samples, last in self._frames():
            self.seconds += Fraction(samples, frame.sample_rate)
            self._until = max(self._until, self._end_of(frame, samples))
            blocks = converter.convert(frame)
            if last:
                none = np.zeros((channels, 0), np.float32)  # of a few samples the resampler makes nothing
                blocks = [_fitted([none, *blocks, *converter.flush()], round(self.seconds * rate) - emitted)]
            for block in blocks:
                emitted += block.shape[1]
                yield block
        if self._damaged > self._decoded:
            raise self._unreadable()

    def _gain(self) -> float:
        if self.codec not in FLOAT_CODECS:
            return 1.0
        try:
            return gain_into_range(self._path)
        except av.FFmpegError:  # what is damaged is told where it is decoded
            return 1.0

    def _told_seconds(self) -> float:
        """Length by the header of the stream, or of the file if it has but this one; 0 where neither tells."""
        formats = self._container.format.name.split(",")
        if "wav" in formats:  # FFmpeg goes by the size that the file has
            size = int.from_bytes(self._head[4:8], "little") + 8
            told = self._head[:4] == b"RIFF" and size < _UNKNOWN_SIZE
            return float(self.seconds) * size / self._path.stat().st_size if told else 0.0
        if any(name in _GUESSING for name in formats) and not _MP3_LENGTH.search(self._head):
            return 0.0
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        # Matroska's length counts from zero, wherever the sound begins.
        return self.claimed_seconds - float(self._start()) if len(self._container.streams) == 1 else 0.0

    def _end_of(self, frame: AudioFrame, samples: int) -> float:
        """Second at which a frame ends by its timestamp, from the first one on."""
        if frame.pts is None or frame.time_base is None:
            return 0.0
        return float(frame.pts * frame.time_base - self._start() + Fraction(samples, frame.sample_rate))

    def _start(self) -> Fraction:
        return (self._stream.start_time or 0) * (self._stream.time_base or Fraction(0))

    def _first_sound(self) -> AudioStream:
        streams = self._container.streams
        if not streams.audio:
            if sniff_kind(self._head) == "video" and streams.video:
                raise AudioUnreadable("The recording is a video without sound: give one with a voice in it, or a sound file.")
            raise self._unreadable()
        stream: AudioStream = streams.audio[0]
        context = cast("AudioCodecContext | None", stream.codec_context)  # None where FFmpeg has no decoder
        if context is None or context.name not in SOUND_DECODERS:
            raise AudioUnreadable(f"The recording's coding is not supported: save it {_WANTED}.")
        if context.sample_rate not in _RATES or context.channels < 1:
            raise AudioUnreadable(
                f"The recording claims {context.sample_rate} samples a second in {context.channels} channels, "
                "which cannot be: save it anew.",
                facts={"audio_sample_rate": context.sample_rate, "audio_channels": context.channels},
            )
        return stream

    def _frames(self) -> Iterator[tuple[AudioFrame, int, bool]]:
        """Decoded frames, how many of their samples count, and whether it is the last."""
        held: AudioFrame | None = None
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._damaged += 1
                continue
            self._decoded += len(frames)
            for frame in frames:
                if held is not None:
                    yield held, held.samples, False
                held = frame
        if held is not None:
            yield held, _true_samples(held), True

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        with suppress(av.FFmpegError):  # the container breaks off: what came before is used
            yield from self._container.demux(self._stream)

    def _unreadable(self) -> AudioUnreadable:
        name, kind = sniff_media(self._head), sniff_kind(self._head)
        known = kind in ("audio", "video")
        return AudioUnreadable(
            f"The recording is {with_article(name)} that is damaged, cut short or of an unknown coding: save it anew, {_WANTED}."
            if known
            else f"The recording is {with_article(name)}, not sound: give the sound file itself, {_WANTED}.",
            facts={"audio_content": name},
        )


class _Converter:
    """Decoded frames to float32 blocks of one rate and number of channels, whatever changes within the stream."""

    def __init__(self, rate: int, channels: int, gain: float) -> None:
        self._rate = rate
        self._gain = np.float32(gain)
        self._layout = _LAYOUTS[channels]
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def convert(self, frame: AudioFrame) -> list[FloatArray]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = self.flush() if source != self._source else []
        if self._resampler is None:
            self._resampler = AudioResampler("fltp", self._layout, self._rate, options={"rematrix_maxval": "1.0"})
            self._source = source
        frame.pts = None  # gaps in the timestamps are not filled
        try:
            return before + self._arrays(self._resampler.resample(frame))
        except av.FFmpegError as error:
            raise AudioUnreadable(
                f"The recording has {frame.layout.nb_channels} channels whose places are unknown: mix it to mono or stereo.",
                facts={"audio_channels": frame.layout.nb_channels},
            ) from error

    def flush(self) -> list[FloatArray]:
        """What the resampler still holds."""
        if self._resampler is None:
            return []
        rest = self._resampler.resample(None)
        self._resampler = None
        return self._arrays(list(filter(None, rest)))  # one without work to do hands the None back

    def _arrays(self, frames: list[AudioFrame]) -> list[FloatArray]:
        """Samples of converted frames, without the infinities and non-numbers that float files may hold."""
        arrays = [np.asarray(frame.to_ndarray(), dtype=np.float32) for frame in frames]
        arrays = [np.clip(array * self._gain if self._gain != 1 else array, -1.0, 1.0) for array in arrays]
        for array in arrays:
            array[np.isnan(array)] = 0.0
        return arrays


def _fitted(blocks: list[FloatArray], length: int) -> FloatArray:
    """`blocks` joined and cut, or filled with silence, to `length` samples: the resampler's end is off by a few."""
    joined = np.concatenate(blocks, axis=1)[:, : max(length, 0)]
    return np.pad(joined, ((0, 0), (0, length - joined.shape[1]))) if joined.shape[1] < length else joined


def _true_samples(last: AudioFrame) -> int:
    """Samples of the last frame that belong to the sound.

    An encoder fills up its last frame. MP3, Opus and Ogg say by how much and FFmpeg cuts it; of MP4 it does not, but there
    the packet's duration tells, counted in samples.
    """
    if last.duration and last.time_base == Fraction(1, last.sample_rate):
        return min(int(last.duration), last.samples)
    return last.samples
