"""What the face means: an expression laid over the speech, constant in kind and living in strength."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.phrasing import Phrasing
from spark_avatar.animation.sampling import Times, band_limited_noise, ease, from_rest, sample, smooth
from spark_avatar.media.arrays import Curve
from spark_avatar.speech.features import SpeechFeatures

Emotion = Literal["auto", "neutral", "happy", "sad", "angry", "surprised", "calm"]


@dataclass(frozen=True)
class Manner:
    """An emotion at full strength: offsets of blendshapes, and how much livelier or calmer the rest becomes."""

    shapes: Mapping[str, float] = field(default_factory=dict)
    """Names without a side stand for both."""
    pitch: float = 0.0
    """Degrees that the head is lowered."""
    mouth: float = 1.0
    """Factor on the opening of the mouth."""
    liveliness: float = 1.0
    """Factor on brows, nods and head."""


# Which muscles: EMFACS (Friesen and Ekman 1983). Strengths: chosen by eye on rendered portraits.
MANNERS: Final[Mapping[str, Manner]] = {
    "neutral": Manner(),
    "happy": Manner(
        {"mouthSmile": 0.70, "cheekSquint": 0.60, "eyeSquint": 0.30, "browOuterUp": 0.20, "browInnerUp": 0.15},
        pitch=-0.8,
        mouth=1.05,
        liveliness=1.15,
    ),
    "sad": Manner(
        {"browInnerUp": 0.85, "browDown": 0.15, "mouthFrown": 0.50, "eyeBlink": 0.15, "eyeLookDown": 0.10},
        pitch=2.2,
        mouth=0.88,
        liveliness=0.6,
    ),
    "angry": Manner(
        {"browDown": 0.95, "eyeSquint": 0.35, "mouthFrown": 0.60, "mouthPress": 0.15, "mouthUpperUp": 0.10},
        pitch=1.2,
        mouth=1.08,
        liveliness=1.25,
    ),
    "surprised": Manner(
        {"browInnerUp": 0.95, "browOuterUp": 0.95, "eyeWide": 0.5, "mouthUpperUp": 0.05, "jawOpen": 0.05},
        pitch=-1.2,
        mouth=1.08,
        liveliness=1.1,
    ),
    "calm": Manner({"mouthSmile": 0.15, "eyeBlink": 0.06}, mouth=0.94, liveliness=0.6),
}

_WITHOUT_SIDES: Final = ("browInnerUp", "jawOpen")
_ASYMMETRY: Final = 0.1
# Strength rises with the effort of the voice and wanders slowly; in long pauses it eases.
_EFFORT_SECONDS: Final = 0.8
_PER_DB: Final = 0.035
_EFFORT_RANGE_DB: Final = 8.0
_WANDER: Final = 0.15
_WANDER_SECONDS: Final = 2.5
_IN_PAUSES: Final = 0.75
_PAUSE_SECONDS: Final = 0.9

# `auto`: a voice of wide melody and large changes of loudness is lively, a flat one calm. Semitones and dB, standard
# deviations in speech: read speech has 2.5-3.5 semitones (Mennen et al. 2012); acted joy and surprise twice as much, sadness
# and boredom half (Banse and Scherer 1996; Juslin and Laukka 2003).
_USUAL_MELODY: Final = 3.0
_USUAL_DYNAMICS_DB: Final = 6.0
_AUTO_STRENGTH: Final = 0.4
_LEAST_VOICED: Final = 25


def blend_of(emotion: Emotion, features: SpeechFeatures) -> dict[str, float]:
    """Emotions and their strengths, 0..1, for a recording: the one asked for, or what the voice tells."""
    if emotion != "auto":
        return {emotion: 1.0}
    arousal = _arousal(features)
    if arousal >= 0:
        return {"happy": 0.6 * _AUTO_STRENGTH * arousal, "surprised": 0.4 * _AUTO_STRENGTH * arousal}
    return {"calm": -_AUTO_STRENGTH * arousal}


def manner_of(blend: Mapping[str, float]) -> Manner:
    """The manner of several emotions at once."""
    shapes: dict[str, float] = {}
    for emotion, strength in blend.items():
        for name, value in MANNERS[emotion].shapes.items():
            shapes[name] = shapes.get(name, 0.0) + strength * value
    parts = [(MANNERS[emotion], strength) for emotion, strength in blend.items()]
    return Manner(
        shapes,
        pitch=sum(strength * part.pitch for part, strength in parts),
        mouth=1 + sum(strength * (part.mouth - 1) for part, strength in parts),
        liveliness=1 + sum(strength * (part.liveliness - 1) for part, strength in parts),
    )


def animate_emotion(
    manner: Manner, features: SpeechFeatures, phrasing: Phrasing, times: Times, rng: np.random.Generator, *, amount: float
) -> tuple[dict[str, Curve], Curve]:
    """Offsets of blendshapes and of the head's pitch in degrees, each (frames,); zero in the first frame, as everything."""
    sides = 1 + rng.uniform(-_ASYMMETRY, _ASYMMETRY, 2)
    wander = 1 + _WANDER * np.tanh(band_limited_noise(times, _WANDER_SECONDS, rng))
    strength = amount * from_rest(times) * wander * _effort(features, times) * _presence(phrasing, times)
    shapes: dict[str, Curve] = {}
    for name, value in manner.shapes.items():
        if name in _WITHOUT_SIDES:
            shapes[name] = (value * strength).astype(np.float32)
            continue
        for side, share in zip(("Left", "Right"), sides, strict=True):
            shapes[name + side] = (value * share * strength).astype(np.float32)
    return shapes, (manner.pitch * strength).astype(np.float32)


def _effort(features: SpeechFeatures, times: Times) -> NDArray[np.float64]:
    """About 1: more where the recording is louder than its median."""
    if not features.activity.any():
        return np.ones(len(times))
    median = float(np.median(features.loudness[features.activity]))
    over = np.where(features.activity, np.clip(features.loudness - median, -_EFFORT_RANGE_DB, _EFFORT_RANGE_DB), 0)
    effort: NDArray[np.float64] = 1 + _PER_DB * sample(smooth(over, _EFFORT_SECONDS), times).astype(np.float64)
    return effort


def _presence(phrasing: Phrasing, times: Times) -> NDArray[np.float64]:
    """1 in phrases, less in the pauses between them."""
    presence = np.full(len(times), _IN_PAUSES)
    for start, end in zip(phrasing.starts, phrasing.ends, strict=True):
        first, last = np.searchsorted(times, (start - _PAUSE_SECONDS, end + _PAUSE_SECONDS))
        now = times[first:last]
        inside = ease((now - start + _PAUSE_SECONDS) / _PAUSE_SECONDS) * ease((end + _PAUSE_SECONDS - now) / _PAUSE_SECONDS)
        presence[first:last] = np.maximum(presence[first:last], _IN_PAUSES + (1 - _IN_PAUSES) * inside)
    return presence


def _arousal(features: SpeechFeatures) -> float:
    """-1 (flat) to 1 (excited), from melody and dynamics of the voice; 0 where too little is voiced to tell."""
    voiced = (features.pitch > 0) & features.activity
    if voiced.sum() < _LEAST_VOICED:
        return 0.0
    semitones = 12 * np.log2(features.pitch[voiced])
    # Half of the range between the 16th and the 84th percentile: one standard deviation without the octave errors.
    low, high = np.percentile(semitones, (16, 84))
    quiet, loud = np.percentile(features.loudness[features.activity], (16, 84))
    melody = np.log2(max((high - low) / 2, 0.1) / _USUAL_MELODY)
    dynamics = np.log2(max((loud - quiet) / 2, 0.1) / _USUAL_DYNAMICS_DB)
    return float(np.tanh(0.7 * melody + 0.3 * dynamics))
