"""What a caller should know of a video that was made elsewhere: told as warnings, never silently."""

from typing import Final

from spark_avatar.media.quality import QualityWarning

SOUND_REPLACED: Final = QualityWarning(
    "remote_sound_replaced", "The engine's video had no sound of the recording's length: the recording itself was put in."
)
LENGTH_MENDED: Final = QualityWarning(
    "remote_length_mended", "The engine's video was of another length or coding: it was encoded anew to the recording's length."
)
JOB_REPEATED: Final = QualityWarning(
    "remote_job_repeated",
    "A server of the engine went away with the job half done, or lost it: it was run again, and may have been paid for twice.",
)


def fallback_used(failed: str, used: str, reason: str) -> QualityWarning:
    """Another engine than the model's made the video."""
    return QualityWarning("engine_fallback", f"The engine {failed} failed ({reason}), so the engine {used} made the video.")
