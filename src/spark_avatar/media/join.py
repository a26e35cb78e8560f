"""Parts of one video, encoded in different places, put together: pictures are copied as they are, the sound is made once.

Each part begins with a key frame and refers to nothing outside it (`open-gop=0`), and an encoder of the same settings delays
the pictures of every part by the same time, so moving each part's time stamps by what came before gives one stream that
cannot be told from one that was encoded in one go, but for the key frames where parts begin.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from spark_avatar.errors import GenerationError
from spark_avatar.media.container import open_media
from spark_avatar.media.encoder import SoundTrack, new_file
from spark_avatar.media.recording import Recording
from spark_avatar.media.video_format import MP4


class PartsDiffer(GenerationError):
    """The parts were not encoded alike, so that no player could go from one to the next."""


def join(parts: Sequence[Path], target: Path, *, audio: Path | None) -> None:
    """Writes an MP4 of the parts' pictures in this order, with the sound of `audio`, cut or filled with silence to the length
    of the pictures. The parts come from `VideoWriter`, without sound, and have ten frames or more.

    Raises `PartsDiffer`, `GenerationError` when the file cannot be written, and `AudioUnreadable`. After any, there is no file.
    """
    try:
        with new_file(target, MP4) as new:
            _Joint(new, parts[0], audio).run(parts)
    except (av.FFmpegError, ValueError, OSError, IndexError) as error:
        target.unlink(missing_ok=True)
        raise GenerationError("The parts of the video could not be put together.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


class _Joint:
    """One file that is being put together."""

    def __init__(self, new: OutputContainer, first: Path, audio: Path | None) -> None:
        self._new = new
        self._first_dts: int | None = None
        with open_media(first) as pattern:
            source = pattern.streams.video[0]
            self._coding = _coding(source)
            self._pictures = new.add_stream_from_template(source)
        self._sound = SoundTrack(new, Recording(audio)) if audio is not None else None

    def run(self, parts: Sequence[Path]) -> None:
        try:
            end = Fraction(0)
            for part in parts:
                end = self._append(part, end)
            if self._sound is not None:
                self._new.mux(self._sound.finish())
        finally:
            if self._sound is not None:
                self._sound.close()

    def _append(self, part: Path, start: Fraction) -> Fraction:
        """Copies the pictures to follow `start`, with the sound that goes with them; returns where they end, in seconds."""
        reached = start
        with open_media(part) as old:
            source = old.streams.video[0]
            if _coding(source) != self._coding or source.time_base is None:
                raise PartsDiffer
            moved = start / source.time_base
            if moved.denominator != 1:
                raise PartsDiffer
            first = True
            for packet in old.demux(source):
                if packet.pts is None or packet.dts is None or packet.time_base is None:
                    continue
                if first and packet.dts != self._delay(packet.dts):
                    raise PartsDiffer
                first = False
                packet.pts, packet.dts = packet.pts + int(moved), packet.dts + int(moved)
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                packet.stream = self._pictures
                self._new.mux(packet)
                if end > reached:
                    reached = end
                    if self._sound is not None:
                        self._new.mux(self._sound.encode_until(reached))
        return reached

    def _delay(self, dts: int) -> int:
        """How long before its time the first picture of the first part is decoded; a part of a few frames only has less."""
        if self._first_dts is None:
            self._first_dts = dts
        return self._first_dts


def _coding(stream: VideoStream) -> tuple[object, ...]:
    """What must be the same for pictures to be shown one after another: above all the encoder's parameter sets."""
    context = stream.codec_context
    return context.name, bytes(context.extradata or b""), context.width, context.height, stream.average_rate, stream.time_base
