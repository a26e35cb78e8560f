"""What about a recording makes the result worse than it could be."""

from typing import Final

from spark_avatar.media.quality import QualityWarning
from spark_avatar.speech.features import SpeechDiagnostics

_LONG_SECONDS: Final = 15.0
_CLIPPED_SHARE: Final = 0.002
_QUIET_DB: Final = -42.0
_NOISY_DB: Final = 15.0
_LOW_RATE: Final = 16_000
_LITTLE_SPEECH_SECONDS: Final = 0.1
# Without a pause the quietest tenth is speech, too.
_PAUSE_SECONDS: Final = 0.3
# What headers say is a little off: padding, lengths in whole seconds or frames.
_MISSING_SECONDS: Final = 0.5
_MISSING_SHARE: Final = 0.1


def judge_recording(recording: SpeechDiagnostics, *, missing_seconds: float = 0.0) -> tuple[QualityWarning, ...]:
    """Warnings, each with the measured value. `missing_seconds` is that of `AudioFacts`."""
    distance = recording.loudness_db - recording.noise_db
    has_speech = recording.speech_seconds >= _LITTLE_SPEECH_SECONDS
    has_pauses = recording.seconds - recording.speech_seconds >= _PAUSE_SECONDS
    checks = (
        (
            recording.seconds > _LONG_SECONDS,
            "audio_long",
            f"The recording lasts {recording.seconds:.1f} s; up to {_LONG_SECONDS:.0f} s are recommended.",
        ),
        (
            missing_seconds > max(_MISSING_SECONDS, _MISSING_SHARE * (recording.seconds + missing_seconds)),
            "audio_cut_short",
            f"The recording ends after {recording.seconds:.1f} s, by its header {missing_seconds:.1f} s are missing: give the "
            "whole file.",
        ),
        (
            recording.clipped_share > _CLIPPED_SHARE,
            "audio_clipping",
            f"{recording.clipped_share:.1%} of the recording is clipped. Record at a lower level.",
        ),
        (
            has_speech and has_pauses and distance < _NOISY_DB,
            "audio_noisy",
            f"Speech is only {distance:.0f} dB above the background. Less noise or music makes lips more exact.",
        ),
        (
            recording.loudness_db < _QUIET_DB,
            "audio_quiet",
            f"The recording is quiet ({recording.loudness_db:.0f} dB). Record at a higher level.",
        ),
        (
            recording.sample_rate < _LOW_RATE,
            "audio_low_rate",
            f"The recording has {recording.sample_rate} samples per second; 16000 or more make lips more exact.",
        ),
        (
            not has_speech,
            "audio_no_speech",
            "No speech was recognised in the recording; the lips may stay closed.",
        ),
    )
    return tuple(QualityWarning(code, message) for applies, code, message in checks if applies)
