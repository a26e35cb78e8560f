"""Finished videos that came from elsewhere: decoded in full, then put into a clean MP4 of our own.

The file that a remote engine hands over may carry its whole workflow, prompts and file names as metadata, and a sound that is
cut short. Only the streams are taken over; the container, its metadata and, where asked for, the sound are new.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer, OutputContainer

from spark_avatar.errors import GenerationError, InputError
from spark_avatar.media.container import open_media
from spark_avatar.media.encoder import SoundTrack, new_file
from spark_avatar.media.marks import FrameMark
from spark_avatar.media.recording import Recording
from spark_avatar.media.video import VideoFacts, VideoWriter, frame_count, probe_video, read_frames
from spark_avatar.media.video_format import MP4, VideoFormat

_COPIED_PIXELS: Final = "yuv420p"
_COPIED_CODEC: Final = "h264"
_COPIED_SOUND: Final = "aac"
_LOST_FRAMES: Final = 1
"""That may be missing of those that were announced: headers are off by one now and then."""


def check_video(path: Path) -> VideoFacts:
    """Measures a video and decodes every frame of it. Raises `InputError` if it is damaged, cut short, or not a video."""
    facts = probe_video(path)
    decoded = sum(1 for _ in read_frames(path))
    if decoded < max(facts.frames, _claimed_frames(path)) - _LOST_FRAMES:
        raise InputError("The video is cut short.")
    return facts


def can_copy(facts: VideoFacts) -> bool:
    """Whether every player shows the pictures as they are: H.264, 4:2:0, even sides. Their time stamps must be whole and begin at
    0: Matroska leaves some out, transport streams begin later than the sound that is put beside them.
    """
    coded = facts.codec == _COPIED_CODEC and facts.pix_fmt == _COPIED_PIXELS
    return coded and facts.timed and facts.width % 2 == 0 and facts.height % 2 == 0


def can_copy_sound(facts: VideoFacts) -> bool:
    """Whether the sound is one that every player plays."""
    return facts.audio_codec == _COPIED_SOUND


def rewrap(source: Path, target: Path, *, audio: Path | None = None) -> None:
    """Copies the pictures into a new MP4 without the source's metadata, marked as generated.

    The sound is copied too, unless `audio` is given: then that recording is encoded instead, cut or filled with silence to
    the length of the pictures. Raises `GenerationError` when the file cannot be written, `AudioUnreadable`.
    """
    try:
        with (
            open_media(source) as old,
            new_file(target, MP4) as new,
        ):
            if audio is None:
                _copy(old, new)
            else:
                _copy_with_sound(old, new, audio)
    except (av.FFmpegError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise GenerationError("The engine's video could not be put into a new file.") from error


def reencode(
    source: Path, target: Path, facts: VideoFacts, *, audio: Path | None, seconds: float, mark: FrameMark | None = None
) -> None:
    """Encodes the pictures anew, with the sound of `audio`, to exactly `seconds`: what is too much is cut, the last picture
    stands still for what is missing. Odd sides lose a row or a column. Every picture carries `mark`.

    Raises `InputError` for a source that cannot be decoded, `GenerationError`, `AudioUnreadable`.
    """
    width, height, rate = facts.width // 2 * 2, facts.height // 2 * 2, facts.frame_rate
    wanted = frame_count(seconds, rate)
    with VideoWriter(
        target, width=width, height=height, frame_rate=rate, audio=audio, seconds=float(wanted / rate), mark=mark
    ) as video:
        written, last = 0, None
        for frame in read_frames(source):
            if written == wanted:
                break
            last = frame[:height, :width]
            video.write(last)
            written += 1
        if last is None:
            raise GenerationError("The engine's video has no pictures.")
        for _ in range(wanted - written):
            video.write(last)


def retag(path: Path, video: VideoFormat, metadata: Mapping[str, str]) -> None:
    """Writes plain metadata into a finished file of our own; its streams are copied as they are. Raises `GenerationError`."""
    tagged = path.with_name(f"tagged-{path.name}")
    try:
        with open_media(path) as old, new_file(tagged, video) as new:
            new.metadata.update(metadata)
            _copy(old, new)
        tagged.replace(path)
    except (av.FFmpegError, ValueError, OSError) as error:
        tagged.unlink(missing_ok=True)
        raise GenerationError("The video could not be tagged.") from error


def _claimed_frames(path: Path) -> int:
    """As the header has it; 0 if it does not tell."""
    with open_media(path) as container:
        return container.streams.video[0].frames


def _copy(old: InputContainer, new: OutputContainer) -> None:
    streams = {s.index: new.add_stream_from_template(s) for s in (*old.streams.video[:1], *old.streams.audio[:1])}
    for index, stream in streams.items():
        if "alpha_mode" in old.streams[index].metadata:  # which players look for before they look for transparency
            stream.metadata["alpha_mode"] = old.streams[index].metadata["alpha_mode"]
    for packet in old.demux([old.streams[index] for index in streams]):
        if packet.dts is not None:
            packet.stream = streams[packet.stream.index]
            new.mux(packet)


def _copy_with_sound(old: InputContainer, new: OutputContainer, audio: Path) -> None:
    source = old.streams.video[0]
    pictures = new.add_stream_from_template(source)
    sound = SoundTrack(new, Recording(audio))
    end = Fraction(0)
    try:
        for packet in old.demux(source):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            reached = (packet.pts + (packet.duration or 0)) * packet.time_base
            packet.stream = pictures
            new.mux(packet)
            if reached > end:
                end = reached
                new.mux(sound.encode_until(end))
        new.mux(sound.finish())
    finally:
        sound.close()
