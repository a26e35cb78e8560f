"""A recording -> everything the animation needs to know of it."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.errors import AudioSilent
from spark_avatar.media.arrays import Curve, Samples
from spark_avatar.media.audio import AudioFacts, read_samples
from spark_avatar.media.quality import QualityWarning
from spark_avatar.speech.activity import audible_neighbourhood, speech_activity
from spark_avatar.speech.articulation import REFERENCE_DB, Articulation, articulation_network, normalise
from spark_avatar.speech.features import FEATURE_RATE, SpeechDiagnostics, SpeechFeatures
from spark_avatar.speech.levels import Levels, measure_levels, short_time_level
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel
from spark_avatar.speech.prosody import fundamental_frequency
from spark_avatar.speech.quality import judge_recording
from spark_avatar.speech.transcript import sharpened
from spark_avatar.speech.visemes import viseme_probabilities

_SILENT_DB: Final = -65.0
_FULL_SCALE: Final = 0.985
_SHORTEST_SPEECH_SECONDS: Final = 0.1
# A tone, a song or music is no speech, but it is not nothing either: it is animated, with a warning.
_TONAL_SHARE: Final = 0.2
_STEP: Final = SAMPLE_RATE // FEATURE_RATE


_IGNORED: Final = QualityWarning(
    "transcript_ignored",
    "The transcript was not used: it does not match what is heard, or its script does not tell sounds. Give the words that are "
    "spoken, in Latin, Greek or Cyrillic letters and with numbers written out, or none.",
)


def analyze_speech(path: Path, facts: AudioFacts, transcript: str = "") -> SpeechFeatures:
    """Analyses a recording that was probed and is within the limits. A `transcript` of what is said sharpens the closing of
    the lips; one that does not fit is ignored, with a warning.

    Raises `AudioUnreadable` if it cannot be decoded, `AudioSilent` if nothing or only noise is to be heard.
    """
    features = analyze_samples(read_samples(path, rate=SAMPLE_RATE), facts)
    if not transcript.strip():
        return features
    told = sharpened(features, transcript)
    return told if told is not None else replace(features, warnings=(*features.warnings, _IGNORED))


def analyze_samples(samples: Samples, facts: AudioFacts) -> SpeechFeatures:
    """The same for decoded 16 kHz samples."""
    frames = -(-len(samples) // _STEP)
    if frames == 0:
        raise AudioSilent("The recording holds no sound. Give a recording of speech.", facts={"seconds": 0.0})
    loudness = short_time_level(samples, frames)
    levels = measure_levels(loudness)
    if levels.loud < _SILENT_DB:
        raise AudioSilent(
            f"The recording is silent: its level is {levels.loud:.0f} dB, speech lies above {_SILENT_DB:.0f} dB.",
            facts={"loudness_db": round(levels.loud, 1), "seconds": round(len(samples) / SAMPLE_RATE, 3)},
        )
    articulation = _articulate(samples, loudness, levels)
    activity = speech_activity(loudness, levels, articulation)
    pitch = fundamental_frequency(samples, loudness)
    speech_seconds = float(activity.sum() / FEATURE_RATE)
    if speech_seconds < _SHORTEST_SPEECH_SECONDS and not _is_tonal(pitch, loudness, levels):
        raise AudioSilent(
            f"The recording holds noise at {levels.loud:.0f} dB but no speech. Give a recording of speech.",
            facts={"loudness_db": round(levels.loud, 1), "noise_db": round(levels.noise, 1), "speech_seconds": 0.0},
        )
    diagnostics = SpeechDiagnostics(
        seconds=facts.seconds,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        loudness_db=levels.loud,
        noise_db=levels.noise,
        clipped_share=(np.count_nonzero(samples >= _FULL_SCALE) + np.count_nonzero(samples <= -_FULL_SCALE)) / len(samples),
        speech_seconds=speech_seconds,
    )
    return SpeechFeatures(
        seconds=facts.seconds,
        articulation=articulation.channels,
        loudness=loudness,
        activity=activity,
        visemes=viseme_probabilities(articulation.sounds),
        pitch=pitch,
        diagnostics=diagnostics,
        warnings=judge_recording(diagnostics),
    )


def _articulate(samples: Samples, loudness: Curve, levels: Levels) -> Articulation:
    """Runs the network on the recording at a standard loudness."""
    per_frame = MEL_RATE // FEATURE_RATE
    mel = log_mel(samples, frames=len(loudness) * per_frame, gain=10 ** ((REFERENCE_DB - levels.loud) / 20))
    heard = np.repeat(audible_neighbourhood(loudness, levels), per_frame)
    return articulation_network().run(normalise(mel, heard))


def _is_tonal(pitch: Curve, loudness: Curve, levels: Levels) -> bool:
    """Whether a good part of what is to be heard has a pitch."""
    audible: NDArray[np.bool_] = loudness > (levels.loud + levels.noise) / 2 - 1
    return float(np.mean(pitch[audible] > 0)) > _TONAL_SHARE
