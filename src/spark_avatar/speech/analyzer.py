"""A recording -> everything the animation needs to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.errors import AudioSilent
from spark_avatar.media.arrays import Curve, FloatArray, Samples
from spark_avatar.media.audio import AudioFacts, sample_blocks
from spark_avatar.media.quality import QualityWarning
from spark_avatar.speech.activity import audible_neighbourhood, speech_activity
from spark_avatar.speech.articulation import REFERENCE_DB, articulation_network, loud_means, relative_to
from spark_avatar.speech.blocks import Blocks, kept, overlapping
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechDiagnostics, SpeechFeatures
from spark_avatar.speech.levels import LEVEL_MARGIN, Levels, hop_power, level_of_power, measure_levels
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel_blocks, raised
from spark_avatar.speech.passages import quiet_passages
from spark_avatar.speech.prosody import PITCH_MARGIN, pitch_of_stretch, settled_pitch
from spark_avatar.speech.quality import judge_recording
from spark_avatar.speech.transcript import sharpened
from spark_avatar.speech.visemes import VISEMES, viseme_probabilities

_SILENT_DB: Final = -65.0
_FULL_SCALE: Final = 0.985
_SHORTEST_SPEECH_SECONDS: Final = 0.1
# A tone, a song or music is no speech, but it is not nothing either: it is animated, with a warning.
_TONAL_SHARE: Final = 0.2
_STEP: Final = SAMPLE_RATE // FEATURE_RATE
_STRETCH: Final = 5 * SAMPLE_RATE
_KEPT_SECONDS: Final = 60.0
"""Up to this length a recording is decoded once and kept, 6 MB with its spectrogram. A longer one is decoded anew for each of the
four ways through it, so that memory stays flat; of an MP3 a minute takes half a second rather than a fifth."""

_IGNORED: Final = QualityWarning(
    "transcript_ignored",
    "The transcript was not used: it could not be matched surely to what is heard (other words, or fast, whispered or noisy "
    "speech), or its script does not tell sounds. Give the words that are "
    "spoken, in Latin, Greek or Cyrillic letters and with numbers written out, or none.",
)


def analyze_speech(path: Path, facts: AudioFacts, transcript: str = "") -> SpeechFeatures:
    """Analyses a recording that was probed and is within the limits. A `transcript` of what is said sharpens the closing of
    the lips; one that does not fit is ignored, with a warning.

    Raises `AudioUnreadable` if it cannot be decoded, `AudioSilent` if nothing or only noise is to be heard.
    """

    def decoded() -> Iterator[Samples]:
        return sample_blocks(path, rate=SAMPLE_RATE)

    features = analyze_blocks(kept(decoded) if facts.seconds <= _KEPT_SECONDS else decoded, facts)
    if not transcript.strip():
        return features
    told = sharpened(features, transcript)
    return told if told is not None else replace(features, warnings=(*features.warnings, _IGNORED))


def analyze_samples(samples: Samples, facts: AudioFacts) -> SpeechFeatures:
    """The same for decoded 16 kHz samples."""
    return analyze_blocks(lambda: (samples,), facts)


def analyze_blocks(sound: Blocks, facts: AudioFacts) -> SpeechFeatures:
    """The same for 16 kHz samples in blocks, with the same result. Of a long recording it asks four times for the blocks."""
    measured = _measure(sound)
    loudness, levels = measured.loudness, measure_levels(measured.loudness)
    if levels.loud < _SILENT_DB:
        raise AudioSilent(
            f"The recording is silent: its level is {levels.loud:.0f} dB, speech lies above {_SILENT_DB:.0f} dB.",
            facts={"loudness_db": round(levels.loud, 1), "seconds": round(measured.samples / SAMPLE_RATE, 3)},
        )
    rise = quiet_passages(loudness, levels, measured.pitch)
    heard = _listen(sound, loudness + rise, levels, rise)
    activity = speech_activity(loudness, levels, measured.pitch, rise=rise, silence=heard.silence, certainty=heard.certainty)
    speech_seconds = float(activity.sum() / FEATURE_RATE)
    if speech_seconds < _SHORTEST_SPEECH_SECONDS and not _is_tonal(measured.pitch, loudness, levels):
        raise AudioSilent(
            f"The recording holds noise at {levels.loud:.0f} dB but no speech. Give a recording of speech.",
            facts={"loudness_db": round(levels.loud, 1), "noise_db": round(levels.noise, 1), "speech_seconds": 0.0},
        )
    diagnostics = SpeechDiagnostics(
        seconds=facts.seconds,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        # Where some was raised, a beep may have set the loud level.
        loudness_db=measure_levels(loudness[activity]).loud if rise.any() and activity.any() else levels.loud,
        noise_db=levels.noise,
        clipped_share=measured.clipped / measured.samples,
        speech_seconds=speech_seconds,
    )
    return SpeechFeatures(
        seconds=facts.seconds,
        articulation=heard.articulation,
        loudness=loudness,
        activity=activity,
        visemes=heard.visemes,
        pitch=measured.pitch,
        diagnostics=diagnostics,
        warnings=judge_recording(diagnostics, missing_seconds=facts.missing_seconds),
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """What the samples tell without the network; curves are (n,) at `FEATURE_RATE`."""

    samples: int
    clipped: int
    loudness: Curve
    pitch: Curve


def _measure(sound: Blocks) -> _Measured:
    """The first way through a recording. Raises `AudioSilent` where there is none."""
    samples = clipped = 0
    power: list[Curve] = []
    pitch: list[Curve] = []
    for before, around in overlapping(sound(), _STRETCH, max(LEVEL_MARGIN, PITCH_MARGIN)):
        stretch = around[before : before + _STRETCH]
        samples += len(stretch)
        clipped += np.count_nonzero(stretch >= _FULL_SCALE) + np.count_nonzero(stretch <= -_FULL_SCALE)
        power.append(hop_power(around, before, len(stretch)))
        pitch.append(pitch_of_stretch(around, before, len(power[-1])))
    if samples == 0:
        raise AudioSilent("The recording holds no sound. Give a recording of speech.", facts={"seconds": 0.0})
    loudness = level_of_power(np.concatenate(power), -(-samples // _STEP))
    return _Measured(samples, clipped, loudness, settled_pitch(np.concatenate(pitch), loudness))


@dataclass(frozen=True, eq=False)
class _Heard:
    """What the network hears; see `SpeechFeatures` and `Articulation`."""

    articulation: FloatArray
    visemes: FloatArray
    silence: Curve
    certainty: Curve


def _listen(sound: Blocks, loudness: Curve, levels: Levels, rise: Curve) -> _Heard:
    """Runs the network on the recording at a standard loudness, to which `rise` brought some of `loudness`. Goes three times
    through what is longer than is kept.
    """
    frames, per_frame = len(loudness), MEL_RATE // FEATURE_RATE
    gain = 10 ** ((REFERENCE_DB - levels.loud) / 20)
    rises = np.repeat(rise, per_frame)

    def spectrogram() -> Iterator[FloatArray]:
        first = 0
        for block in log_mel_blocks(sound(), frames=frames * per_frame, gain=gain):
            yield raised(block, rises[first : first + len(block)])
            first += len(block)

    mel = kept(spectrogram) if frames <= _KEPT_SECONDS * FEATURE_RATE else spectrogram
    means = loud_means(mel, np.repeat(audible_neighbourhood(loudness, levels), per_frame))
    # Filled part by part: the classes of sounds take more room than all curves that are made of them.
    heard = _Heard(
        np.empty((frames, len(ARTICULATION)), np.float32),
        np.empty((frames, len(VISEMES)), np.float32),
        np.empty(frames, np.float32),
        np.empty(frames, np.float32),
    )
    first = 0
    for part in articulation_network().run_blocks(relative_to(means, block) for block in mel()):
        now = slice(first, first + len(part.channels))
        heard.articulation[now] = part.channels
        heard.visemes[now] = viseme_probabilities(part.sounds)
        heard.silence[now] = part.silence
        heard.certainty[now] = part.certainty
        first = now.stop
    return heard


def _is_tonal(pitch: Curve, loudness: Curve, levels: Levels) -> bool:
    """Whether a good part of what is to be heard has a pitch."""
    audible: NDArray[np.bool_] = loudness > (levels.loud + levels.noise) / 2 - 1
    return float(np.mean(pitch[audible] > 0)) > _TONAL_SHARE
