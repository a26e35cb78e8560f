"""The whole face: a recording's features -> an animation track."""

from fractions import Fraction
from typing import Final

import numpy as np

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.blinks import animate_blinks
from spark_avatar.animation.breathing import animate_breath
from spark_avatar.animation.emotion import Emotion, animate_emotion, blend_of, manner_of
from spark_avatar.animation.expression import animate_expression
from spark_avatar.animation.gaze import animate_gaze
from spark_avatar.animation.head import LIMITS, animate_head
from spark_avatar.animation.mouth import animate_mouth
from spark_avatar.animation.phrasing import find_phrasing
from spark_avatar.animation.sampling import frame_times
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.media.arrays import Curve, FloatArray
from spark_avatar.media.video import frame_count
from spark_avatar.speech.features import SpeechFeatures

_KINDS_OF_CHANCE: Final = 7


def animate(
    features: SpeechFeatures,
    *,
    frame_rate: Fraction,
    rng: np.random.Generator,
    expressiveness: float = 1.0,
    head_motion: float = 1.0,
    emotion: Emotion = "neutral",
) -> AnimationTrack:
    """Mouth, blinks, gaze, brows, head and breath for a recording.

    `expressiveness` (0..2) scales brows, smile, nods, the emotion and, slightly, the mouth; `head_motion` (0..2) the head.
    `emotion` lays an expression over all of it; `auto` takes it from the voice. The same features and the same state of
    `rng` give the same track. Each kind of motion has random numbers of its own: changing one leaves the others as they were.
    """
    times = frame_times(frame_count(features.seconds, frame_rate), frame_rate)
    phrasing = find_phrasing(features)
    manner = manner_of(blend_of(emotion, features))
    lively = expressiveness * manner.liveliness
    for_head, for_gaze, for_blinks, for_expression, for_breath, for_emotion, for_mouth = rng.spawn(_KINDS_OF_CHANCE)
    head = animate_head(features, phrasing, times, for_head, amount=head_motion * manner.liveliness**0.5, beats=lively)
    offsets, lowered = animate_emotion(manner, features, phrasing, times, for_emotion, amount=expressiveness)
    shapes = (
        animate_mouth(features, times, for_mouth, amplitude=manner.mouth * (0.85 + 0.15 * expressiveness)),
        animate_expression(phrasing, times, for_expression, amount=lively),
        animate_blinks(phrasing, times, for_blinks),
        animate_gaze(head.rotation, phrasing, times, for_gaze),
        offsets,
    )
    return AnimationTrack(
        frame_rate=frame_rate,
        blendshapes=_combined(shapes, len(times)),
        head_rotation=_lowered(head.rotation, head_motion * lowered),
        head_translation=head.translation,
        breath=animate_breath(phrasing, times, for_breath),
    )


def _lowered(rotation: FloatArray, degrees: Curve) -> FloatArray:
    """The head's rotation with a pitch added, within its limits."""
    pitch = np.clip(rotation[:, 1] + degrees, -LIMITS[1], LIMITS[1])
    return np.stack([rotation[:, 0], pitch, rotation[:, 2]], axis=1)


def _combined(parts: tuple[dict[str, Curve], ...], frames: int) -> FloatArray:
    """(frames, 52): what several parts do to the same shape adds up."""
    blendshapes = np.zeros((frames, len(BLENDSHAPES)), np.float32)
    for part in parts:
        for name, curve in part.items():
            blendshapes[:, BLENDSHAPES.index(name)] += curve
    # In place: of a long recording the track is a good part of all memory.
    return np.clip(blendshapes, 0, 1, out=blendshapes)
