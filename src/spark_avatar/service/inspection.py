"""What is to be seen in a portrait and heard in a recording, before anything is rendered. These run in a helper process: the
libraries behind them are large, and files from outside are decoded there and not in the server.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.quality import QualityWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spark_avatar.face.analyzer import FaceAnalyzer
    from spark_avatar.face.rig import FaceDiagnostics
    from spark_avatar.media.arrays import Curve
    from spark_avatar.media.audio import AudioFacts
    from spark_avatar.media.image import ImageFacts
    from spark_avatar.speech.features import SpeechDiagnostics

WAVEFORM_BINS: Final = 400
_SHORT_PAUSE_SECONDS: Final = 0.25
"""Between two words of one stretch of speech."""


@dataclass(frozen=True)
class PortraitFindings:
    """A portrait that can be animated."""

    image: "ImageFacts"
    face: "FaceDiagnostics"
    points: list[tuple[float, float]]
    """The face mesh, in pixels of the picture."""
    edges: list[tuple[int, int]]
    """Pairs of points: the mesh's lines."""
    warnings: tuple[QualityWarning, ...]


@dataclass(frozen=True)
class RecordingFindings:
    """A recording that can be spoken."""

    audio: "AudioFacts"
    speech: "SpeechDiagnostics"
    peaks: list[float]
    """The waveform: the loudest sample of each of `WAVEFORM_BINS` stretches of the same length, 0..1."""
    segments: list[tuple[float, float]]
    """Where somebody speaks: start and end in seconds."""
    warnings: tuple[QualityWarning, ...]


def measure_recording(path: Path, limits: MediaLimits) -> float:
    """Its length in seconds. Raises what keeps the recording from being spoken: `AudioTooLong`, `AudioUnreadable`, ..."""
    from spark_avatar.media.audio import probe_audio

    return probe_audio(path, limits).seconds


def inspect_portrait(path: Path, limits: MediaLimits) -> PortraitFindings:
    """Raises what keeps the picture from being animated: `ImageTooManyPixels`, `ImageUnreadable`, `FaceNotFound`, ..."""
    from scipy.spatial import Delaunay

    from spark_avatar.face.landmarks import SKIN_POINT_COUNT
    from spark_avatar.media.image import probe_image, read_image

    facts = probe_image(path, limits)
    rig = _face_analyzer().analyze(read_image(path))
    skin = rig.landmarks[:SKIN_POINT_COUNT, :2]
    corners = Delaunay(skin).simplices
    pairs = {tuple(sorted((int(a), int(b)))) for each in corners for a, b in zip(each, (*each[1:], each[0]), strict=True)}
    return PortraitFindings(
        image=facts,
        face=rig.diagnostics,
        points=[(round(float(x), 1), round(float(y), 1)) for x, y in rig.landmarks[:, :2]],
        edges=sorted((a, b) for a, b in pairs),
        warnings=rig.warnings,
    )


def inspect_recording(path: Path, limits: MediaLimits) -> RecordingFindings:
    """Raises what keeps the recording from being spoken: `AudioTooLong`, `AudioUnreadable`, `AudioSilent`."""
    from spark_avatar.media.audio import probe_audio
    from spark_avatar.speech.analyzer import analyze_speech
    from spark_avatar.speech.features import FEATURE_RATE

    facts = probe_audio(path, limits)
    features = analyze_speech(path, facts)
    return RecordingFindings(
        audio=facts,
        speech=features.diagnostics,
        peaks=[round(float(peak), 3) for peak in _waveform(path, facts.seconds)],
        segments=speech_segments(features.activity, FEATURE_RATE),
        warnings=features.warnings,
    )


def _waveform(path: Path, seconds: float) -> "Curve":
    """(WAVEFORM_BINS,), 0..1: the loudest sample of each stretch, block by block like the analysis."""
    import numpy as np

    from spark_avatar.media.audio import ANALYSIS_RATE, sample_blocks

    length = max(1, round(seconds * ANALYSIS_RATE))
    peaks, first = np.zeros(WAVEFORM_BINS, np.float32), 0
    for block in sample_blocks(path):
        bins = np.arange(first, first + len(block)) * WAVEFORM_BINS // length
        np.maximum.at(peaks, np.minimum(bins, WAVEFORM_BINS - 1), np.abs(block))
        first += len(block)
    return peaks


def speech_segments(activity: "NDArray[np.bool_]", rate: int) -> list[tuple[float, float]]:
    """Stretches of speech in seconds, given for each frame whether somebody speaks; short pauses are bridged."""
    segments: list[tuple[float, float]] = []
    start: int | None = None
    for frame, active in enumerate([*activity.tolist(), False]):
        if active and start is None:
            start = frame
        elif not active and start is not None:
            begin = start / rate
            if segments and begin - segments[-1][1] < _SHORT_PAUSE_SECONDS:
                begin = segments.pop()[0]
            segments.append((begin, frame / rate))
            start = None
    return segments


@functools.cache
def _face_analyzer() -> "FaceAnalyzer":
    """Stays warm for the next portrait."""
    from spark_avatar.face.analyzer import FaceAnalyzer

    return FaceAnalyzer()
