"""A known text sharpens what was heard: every p b m f v of the text is seen, at its time, and no other."""

from dataclasses import replace
from typing import Final

import numpy as np

from spark_avatar.media.arrays import Curve
from spark_avatar.speech.alignment import AlignedSound, align
from spark_avatar.speech.features import ARTICULATION, FEATURE_RATE, SpeechFeatures
from spark_avatar.speech.orthography import NUMBER, sounds_of_text

_CHANNELS: Final = {"PP": "close", "FF": "labiodental"}
_BETTER_THAN_BACKWARDS: Final = 0.5
"""Nats per frame by which a text must fit better than its own sounds in reverse order: 0.9 to 1.3 for the words that are
spoken, -0.5 to 0.45 for others (24 sentences of two synthetic voices, 72 wrong texts)."""
_MOST_NUMBERS: Final = 0.75
"""Share of the speech that numbers in figures may take: what is left of a wrong text fits anywhere. Of 32 texts with figures in
eight languages the right ones gave them up to 0.70, the one wrong one that passed for right 0.82."""
_NEAR_SECONDS: Final = 0.08
"""Alignment and eye are not more exact than this: what was heard so close to a sound of the text is that sound."""
_UNTOLD: Final = 0.3
"""What is left of a closure that was heard where the text has none."""
_HEARD: Final = 0.1
"""From here on the ear has a say in when lips meet. In fast speech some are not heard at all."""
_REACH: Final = 2
"""Features to either side of a closure's peak that are raised with it: it becomes sure, not longer."""


def sharpened(features: SpeechFeatures, text: str) -> SpeechFeatures | None:
    """The features with lip closures and lips at the teeth as the text says; None where the text is not what is spoken, or
    is written in letters that do not tell sounds.
    """
    sounds = sounds_of_text(text)
    if all(sound.viseme == NUMBER for sound in sounds):
        return None
    alignment = align(features.visemes, features.activity, sounds)
    backwards = align(features.visemes, features.activity, sounds[::-1])
    if alignment.fit < backwards.fit + _BETTER_THAN_BACKWARDS:
        return None
    numbers = [sound for sound in alignment.sounds if sound.viseme == NUMBER]
    counted = sum(number.end - number.start for number in numbers)
    if counted > _MOST_NUMBERS * features.activity.sum() / FEATURE_RATE:
        return None
    articulation = features.articulation.copy()
    for viseme, channel in _CHANNELS.items():
        column = ARTICULATION.index(channel)
        told = [sound for sound in alignment.sounds if sound.viseme == viseme]
        articulation[:, column] = _as_told(articulation[:, column], told, numbers)
    return replace(features, articulation=articulation)


def _as_told(heard: Curve, told: list[AlignedSound], untold: list[AlignedSound]) -> Curve:
    """`told` sounds are met, and nothing else but what was heard in them and in the `untold` numbers.

    The text says that lips meet, the ear when and for how long: letters last until the next one begins, lips do not.
    """
    times = np.arange(len(heard)) / FEATURE_RATE
    near = np.zeros(len(heard), bool)
    met = np.zeros_like(heard)
    for sound in told:
        first, last = np.searchsorted(times, (sound.start - _NEAR_SECONDS, sound.end + _NEAR_SECONDS))
        near[first:last] = True
        peak = first + int(np.argmax(heard[first:last]))
        if heard[peak] < _HEARD:
            peak = min(round((sound.start + sound.end) / 2 * FEATURE_RATE), len(heard) - 1)
            met[peak] = 1
            continue
        around = np.s_[max(0, peak - _REACH) : peak + _REACH + 1]
        met[around] = np.maximum(met[around], heard[around] / heard[peak])
    for number in untold:
        near[(times > number.start - _NEAR_SECONDS) & (times < number.end + _NEAR_SECONDS)] = True
    return np.maximum(np.where(near, heard, _UNTOLD * heard), np.minimum(met, 1)).astype(np.float32)
