"""Takes over a video that another server made: fetched, verified, mended where that is possible, and clean of the other's
metadata.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spark_avatar.engines.engine import RenderJob, Rendition, Speech
from spark_avatar.engines.quality import JOB_REPEATED, LENGTH_MENDED, SOUND_REPLACED
from spark_avatar.engines.transport import Malformed, Transport, Unreachable, wait
from spark_avatar.errors import InputError, RemoteStatusError, ResultParsingError, SparkAvatarError
from spark_avatar.media.marks import FrameMark
from spark_avatar.media.quality import QualityWarning
from spark_avatar.media.rewrap import can_copy, can_copy_sound, check_video, reencode, rewrap
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article
from spark_avatar.media.video import VideoFacts, probe_video

MAX_RESULT_BYTES: Final = 2 * 1024**3
_DOWNLOAD_SECONDS: Final = 600.0
_DOWNLOAD_TRIES: Final = 3
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

    def rendition(
        self,
        job: RenderJob,
        *,
        engine: str,
        job_id: str,
        compute_units: int,
        timings: dict[str, float],
        diagnostics: dict[str, object],
        repeated: bool,
    ) -> Rendition:
        """The result of a job; `repeated` says that an earlier job of the task may have run too."""
        return Rendition(
            path=self.path,
            seconds=self.facts.seconds,
            frames=self.facts.frames,
            frame_rate=self.facts.frame_rate,
            width=self.facts.width,
            height=self.facts.height,
            engine=engine,
            seed=job.seed,
            compute_units=compute_units,
            timings=timings,
            job_id=job_id,
            diagnostics=diagnostics,
            warnings=self.warnings + ((JOB_REPEATED,) if repeated else ()),
        )


def fetch(transport: Transport, url: str, target: Path, *, whom: str, checkpoint: Callable[[], None]) -> None:
    """Downloads a result, several times if need be; `whom` names the server to the user.

    Raises `RemoteStatusError`, `ResultParsingError` for a file that is endless or cut short, and what `checkpoint` raises.
    """
    failure: SparkAvatarError | None = None
    for number in range(_DOWNLOAD_TRIES):
        wait(0.5 * number, checkpoint)
        try:
            status = transport.download(url, target, limit=MAX_RESULT_BYTES, seconds=_DOWNLOAD_SECONDS, checkpoint=checkpoint)
        except Malformed as fault:
            raise ResultParsingError(f"The video of {whom} cannot be taken: {fault}.") from fault
        except Unreachable as fault:
            text = f"The video could not be fetched from {whom}: {fault}."
            failure = ResultParsingError(text) if target.exists() else RemoteStatusError(text)
            continue
        if 200 <= status < 300:
            return
        text = f"The video could not be fetched from {whom}: it answered HTTP {status}."
        failure = RemoteStatusError(text, facts={"status": status})
        if status < 500:
            break
    assert failure is not None
    raise failure


def take_over(source: Path, target: Path, speech: Speech, mark: FrameMark | None = None) -> TakenVideo:
    """Makes `target` of what an engine delivered.

    Pictures are copied when they are H.264 of the recording's length and carry no mark that is worth encoding them for, else
    encoded anew, with the mark; the sound is kept when it is as long as the recording within 0.2 s, else the recording takes
    its place.

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
    fits = can_copy(facts) and abs(facts.seconds - wanted) <= TOLERANCE
    if not fits or (mark is not None and mark.worth_encoding):
        reencode(source, target, facts, audio=speech.path, seconds=wanted, mark=mark)
        return TakenVideo(target, probe_video(target), () if fits else (LENGTH_MENDED,))
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
