"""Takes over a video that another server made: verified, mended where that is possible, and clean of the other's metadata."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spark_avatar.engines.engine import Speech
from spark_avatar.engines.quality import LENGTH_MENDED, SOUND_REPLACED
from spark_avatar.errors import InputError, ResultParsingError
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.rewrap import can_copy, can_copy_sound, check_video, reencode, rewrap
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article
from spark_avatar.media.video import VideoFacts, probe_video

TOLERANCE: Final = 0.2
"""Seconds by which pictures and sound may differ from the recording before they are mended."""
_SHORTEST_SHARE: Final = 0.9
"""A video that covers less of the recording leaves words without pictures: that is no result."""


@dataclass(frozen=True)
class TakenVideo:
    """A video that is ready to be handed out."""

    path: Path
    facts: VideoFacts
    warnings: tuple[QualityWarning, ...]


def take_over(source: Path, target: Path, speech: Speech) -> TakenVideo:
    """Makes `target` of what an engine delivered.

    Pictures are copied when they are H.264 of the recording's length, else encoded anew; the sound is kept when it is as long
    as the recording within 0.2 s, else the recording takes its place.

    Raises `ResultParsingError` for a file that is no video, is damaged, or covers less than 90 % of the recording, and
    `GenerationError` when the new file cannot be written.
    """
    facts = _checked(source)
    wanted = speech.facts.seconds
    if facts.seconds < wanted * _SHORTEST_SHARE - TOLERANCE:
        raise ResultParsingError(
            f"The engine's video has {facts.seconds:.2f} s of pictures for a recording of {wanted:.2f} s: its workflow makes "
            "videos of a fixed length, or ended early.",
            facts={"video_seconds": round(facts.seconds, 3), "audio_seconds": round(wanted, 3)},
        )
    if not can_copy(facts) or abs(facts.seconds - wanted) > TOLERANCE:
        reencode(source, target, facts, audio=speech.path, seconds=wanted)
        return TakenVideo(target, probe_video(target), (LENGTH_MENDED,))
    if _sound_fits(facts, wanted):
        rewrap(source, target)
        return TakenVideo(target, probe_video(target), ())
    rewrap(source, target, audio=speech.path)
    return TakenVideo(target, probe_video(target), (SOUND_REPLACED,))


def _checked(source: Path) -> VideoFacts:
    with source.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if sniff_kind(head) != "video":
        raise ResultParsingError(f"The engine delivered {with_article(sniff_media(head))} instead of a video.")
    try:
        return check_video(source)
    except InputError as error:
        raise ResultParsingError("The engine's video cannot be decoded: it is damaged or cut short.") from error


def _sound_fits(facts: VideoFacts, wanted: float) -> bool:
    """Whether the sound covers the recording, and ends with the pictures as players expect."""
    sound = facts.audio_seconds
    return (
        sound is not None
        and can_copy_sound(facts)
        and abs(sound - wanted) <= TOLERANCE
        and abs(sound - facts.seconds) < 1 / facts.frame_rate
    )
