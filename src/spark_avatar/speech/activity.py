"""When somebody speaks."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Curve
from spark_avatar.speech import curve_filters
from spark_avatar.speech.features import FEATURE_RATE, SpeechFeatures
from spark_avatar.speech.levels import Levels
from spark_avatar.speech.prosody import gliding

# A stretch of speech begins where the network rather hears speech and lasts while it is not sure of the contrary. Of synthesised
# speech that is varied, or over music and noise at 5-20 dB, 99.4 and 99.6 % count as speech with these (with 0.6 and 0.3: 99.3
# and 99.5 %), and still nothing of eight minutes of noises, chords and tones.
_BEGINS: Final = 0.5
_LASTS: Final = 0.25
_SMOOTHING: Final = int(0.1 * FEATURE_RATE)
# The network's certainty about which sound it hears, averaged over a stretch: 0.35-0.6 in speech (10 dB SNR to clean),
# 0.02-0.2 in white, pink, brown, gated and modulated noise, tones and chords.
_CERTAINTY: Final = 0.25
# Shouting, singing and changed voices sound like none of the training: of 740 lines of a game's voices a sixth had no stretch
# that was certain enough. Down to this certainty a stretch is also speech if it moves like a voice: its level changes, and its
# pitch glides, where a tune steps and an engine hums. That leaves one in fifteen; of 17 minutes of music 10 % count as speech
# instead of 8 %, of noises as before next to nothing.
_PERHAPS: Final = 0.10
_CHANGING_DB: Final = 5.0
"""Standard deviation of the level."""
_GLIDING_SHARE: Final = 0.1
_LOUD_DB: Final = 25.0
"""Under the loud level, down to which frames tell how a stretch moves."""
# How far under the loud level the quietest consonants lie.
_DYNAMIC_DB: Final = 38.0
_ABOVE_NOISE: Final = 0.15
_ABOVE_NOISE_DB: Final = 3.0
# Closures of stops and short hesitations belong to the speech around them; clicks and bumps are no speech.
_SHORTEST_PAUSE: Final = int(0.2 * FEATURE_RATE)
_SHORTEST_SPEECH: Final = int(0.08 * FEATURE_RATE)


def speech_activity(
    loudness: Curve, levels: Levels, pitch: Curve, *, rise: Curve, silence: Curve, certainty: Curve
) -> NDArray[np.bool_]:
    """(n,) True where somebody speaks, from level and pitch and from what the network hears: see `Articulation`. `rise` is that
    of `quiet_passages`.

    The level alone takes music and noise for speech, the network alone takes the noise floor of a studio for a whisper:
    both must agree.
    """
    above_noise = levels.noise + min(_ABOVE_NOISE_DB, _ABOVE_NOISE * (levels.loud - levels.noise))
    audible = curve_filters.maximum(loudness, _SMOOTHING) > np.maximum(levels.loud - _DYNAMIC_DB - rise, above_noise)
    speech = curve_filters.mean(1 - silence, _SMOOTHING) * audible
    active = _with_hysteresis(speech)
    active = ~_keep_longer(~active, _SHORTEST_PAUSE, touching_ends=True)
    active = _keep_longer(active, _SHORTEST_SPEECH)
    stretches, count = curve_filters.stretches(active)
    certain = _means(certainty, stretches, count)
    # What was raised may be a noise that was quiet for good reason: there the network must be certain.
    perhaps = (certain >= _PERHAPS) & (_means(rise, stretches, count) == 0)
    keep = (certain >= _CERTAINTY) | (perhaps & _move_like_voices(stretches, count, loudness, levels, pitch))
    keep[0] = False
    spoken: NDArray[np.bool_] = keep[stretches]
    return spoken


def pauses(speech: SpeechFeatures) -> tuple[tuple[float, float], ...]:
    """The stretches in which nobody speaks, each from and to which second, in order."""
    silent = np.concatenate([[False], ~speech.activity, [False]])
    turns = np.flatnonzero(silent[1:] != silent[:-1])
    return tuple((float(begin / FEATURE_RATE), float(end / FEATURE_RATE)) for begin, end in turns.reshape(-1, 2))


def audible_neighbourhood(loudness: Curve, levels: Levels) -> NDArray[np.bool_]:
    """(n,) True within 0.3 s of sound: the speech with its short pauses, without long silences around it."""
    loud = loudness > max(levels.loud - _DYNAMIC_DB, (levels.loud + levels.noise) / 2)
    reached: NDArray[np.bool_] = curve_filters.maximum(loud, int(0.6 * FEATURE_RATE) + 1)
    return reached


def _with_hysteresis(speech: Curve) -> NDArray[np.bool_]:
    """Stretches above the lower threshold that reach the upper one somewhere."""
    stretches, count = curve_filters.stretches(speech > _LASTS)
    if count == 0:
        return np.zeros(len(speech), bool)
    keep = np.bincount(stretches, weights=speech > _BEGINS, minlength=count + 1) > 0
    keep[0] = False
    active: NDArray[np.bool_] = keep[stretches]
    return active


def _keep_longer(flags: NDArray[np.bool_], shortest: int, *, touching_ends: bool = False) -> NDArray[np.bool_]:
    """Drops stretches of True shorter than `shortest`; those at either end stay if `touching_ends`."""
    stretches, count = curve_filters.stretches(flags)
    keep = np.bincount(stretches, minlength=count + 1) >= shortest
    keep[0] = False
    if touching_ends and len(flags):
        keep[[stretches[0], stretches[-1]]] |= flags[[0, -1]]
    kept: NDArray[np.bool_] = keep[stretches]
    return kept


def _move_like_voices(
    stretches: NDArray[np.int64], count: int, loudness: Curve, levels: Levels, pitch: Curve
) -> NDArray[np.bool_]:
    """(count + 1,): whether level and pitch of a stretch move as a voice's do."""
    loud = loudness > levels.loud - _LOUD_DB
    glides = _means(gliding(pitch) & loud, stretches, count) >= _GLIDING_SHARE * _means(loud, stretches, count)
    from_mean = loudness - _means(loudness, stretches, count)[stretches]
    moving: NDArray[np.bool_] = glides & (_means(np.square(from_mean), stretches, count) >= _CHANGING_DB**2)
    return moving


def _means(values: NDArray[Any], stretches: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count + 1,): the mean of each stretch."""
    total = np.bincount(stretches, weights=values, minlength=count + 1)
    means: NDArray[np.float64] = total / np.maximum(np.bincount(stretches, minlength=count + 1), 1)
    return means
