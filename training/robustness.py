"""How much of a mouth survives bad sound: python -m training.robustness RECORDING.wav ....

Every recording is analysed as it is and under each condition; the animated gap of the lips is compared between the two. The
conditions are those that users bring: a telephone, a bathroom, a crowd, music, a whisper. Several recordings are needed for
the crowd: the others are what it says.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy import signal

from spark_avatar.animation.mouth import animate_mouth
from spark_avatar.errors import AudioSilent
from spark_avatar.media.arrays import Curve, Samples
from spark_avatar.media.audio import AudioFacts, probe_audio, read_samples
from spark_avatar.media.limits import MediaLimits
from spark_avatar.speech.analyzer import analyze_samples
from spark_avatar.speech.mel import SAMPLE_RATE
from training.augment import Wave, chords, coloured_noise
from training.scores import pearson

_RATE: Final = 25.0
_ENVELOPE_CEPSTRA: Final = 30
_WINDOW: Final = 512
_NOTE: Final = SAMPLE_RATE // 2
_SCALE: Final = (0, 2, 4, 5, 7, 9, 11, 12)
"""Semitones."""

Condition = Callable[[Wave, Wave, np.random.Generator], Wave]
"""(n,) a voice, (n,) other voices and chance -> (n,) what the microphone hears."""


def _mixed(voice: Wave, other: Wave, decibels: float) -> Wave:
    """`other` that many decibels under the voice."""
    level = np.sqrt(np.mean(voice**2) / (np.mean(other**2) + 1e-12))
    return voice + other * level * 10 ** (-decibels / 20)


def telephone(voice: Wave, _others: Wave, _random: np.random.Generator) -> Wave:
    """300-3400 Hz, the band of ITU-T G.712."""
    heard: Wave = signal.sosfilt(signal.butter(4, (300, 3400), "band", fs=SAMPLE_RATE, output="sos"), voice)
    return heard


def room(voice: Wave, _others: Wave, random: np.random.Generator) -> Wave:
    """Noise decaying by 60 dB in 0.6 s, as strong as the direct sound (Polack's model of a room)."""
    length = int(0.6 * SAMPLE_RATE)
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    heard: Wave = signal.fftconvolve(voice, np.concatenate([[1.0], tail / np.sqrt((tail**2).sum())]))[: len(voice)]
    return heard


def whisper(voice: Wave, _others: Wave, random: np.random.Generator) -> Wave:
    """The vocal folds are exchanged for noise."""
    return _revoiced(voice, random.standard_normal(len(voice)), tilt=(0.4, 1.6))


def singing(voice: Wave, _others: Wave, random: np.random.Generator) -> Wave:
    """The vocal folds hold the notes of a scale, half a second each, with vibrato (5.5 Hz, half a semitone)."""
    time = np.arange(len(voice)) / SAMPLE_RATE
    semitones = np.repeat(random.choice(_SCALE, len(voice) // _NOTE + 1), _NOTE)[: len(voice)]
    pitch = 160 * 2 ** ((semitones + 0.5 * np.sin(2 * np.pi * 5.5 * time)) / 12)
    pulses = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE), prepend=0.0)
    return _revoiced(voice, pulses, tilt=(1.0, 1.0))


def _revoiced(voice: Wave, source: Wave, tilt: tuple[float, float]) -> Wave:
    """The envelope of the voice's spectrum stays (cepstral smoothing) and shapes another source; `tilt` weighs low and high."""
    _, _, spectrum = signal.stft(voice, nperseg=_WINDOW)
    _, _, excitation = signal.stft(source, nperseg=_WINDOW)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-5), axis=0)
    cepstrum[_ENVELOPE_CEPSTRA:-_ENVELOPE_CEPSTRA] = 0
    envelope = np.exp(np.fft.rfft(cepstrum, axis=0).real) * np.linspace(*tilt, cepstrum.shape[0] // 2 + 1)[:, None]
    _, heard = signal.istft(envelope * excitation / np.sqrt(np.mean(np.abs(excitation) ** 2)), nperseg=_WINDOW)
    return np.resize(heard, len(voice))


def coughs(voice: Wave, _others: Wave, random: np.random.Generator) -> Wave:
    """Every three seconds a burst of noise through a throat, a quarter of a second long and louder than the voice."""
    length = SAMPLE_RATE // 4
    throat = signal.butter(2, (400, 2500), "band", fs=SAMPLE_RATE, output="sos")
    fade = 2 * np.percentile(np.abs(voice), 99) * np.exp(-np.arange(length) / (0.06 * SAMPLE_RATE))
    heard = voice.copy()
    for start in range(int(random.uniform(0, 3) * SAMPLE_RATE), len(voice) - length, 3 * SAMPLE_RATE):
        burst = signal.sosfilt(throat, random.standard_normal(length))
        heard[start : start + length] += fade * burst / np.abs(burst).max()
    return heard


def shouting(voice: Wave, _others: Wave, _random: np.random.Generator) -> Wave:
    """High frequencies raised by effort, and an overdriven microphone."""
    bright = signal.lfilter([1, -0.6], [1], voice)
    return np.clip(bright * (0.5 / np.percentile(np.abs(bright), 95)), -0.7, 0.7)


CONDITIONS: Final[dict[str, Condition]] = {
    "30 dB quieter": lambda voice, _others, _random: voice * 10**-1.5,
    "telephone band": telephone,
    "room, 0.6 s": room,
    "white noise, 20 dB under": lambda voice, _others, random: _mixed(voice, random.standard_normal(len(voice)), 20),
    "coloured noise, 10 dB under": lambda voice, _others, random: _mixed(voice, coloured_noise(len(voice), random), 10),
    "music, 10 dB under": lambda voice, _others, random: _mixed(voice, chords(len(voice), random), 10),
    "music, 5 dB under": lambda voice, _others, random: _mixed(voice, chords(len(voice), random), 5),
    "a crowd, 10 dB under": lambda voice, others, _random: _mixed(voice, others, 10),
    "shouting, clipped": shouting,
    "whisper": whisper,
    "singing": singing,
    "coughs": coughs,
}


@dataclass(frozen=True, eq=False)
class Mouth:
    """What the lips do at 25 frames per second."""

    gap: Curve
    """(n,), jaw and lips, 0..1."""
    speaking: Curve
    """(n,), 1 where somebody speaks."""


def mouth_of(samples: Samples, facts: AudioFacts) -> Mouth:
    """The animated mouth. Raises `AudioSilent` if nothing is heard."""
    features = analyze_samples(samples, facts)
    times = np.arange(int(features.seconds * _RATE)) / _RATE
    shapes = animate_mouth(features, times, np.random.default_rng(0), amplitude=1.0)
    gap = np.maximum(shapes["jawOpen"] - shapes["mouthClose"], 0)
    clock = np.arange(len(features.activity)) / 50
    return Mouth(gap.astype(np.float32), np.interp(times, clock, features.activity.astype(np.float32)).astype(np.float32))


@dataclass(frozen=True)
class Survival:
    """A mouth under a condition against the clean one."""

    r: float
    """Of the gap, at zero lag."""
    amplitude: float
    """Spread over that of the clean one."""
    flutter: float
    """Spread of the gap where nobody speaks in the clean recording, over the spread where somebody does."""


def survival(clean: Mouth, heard: Mouth) -> Survival:
    """Compares two mouths of one length."""
    pause, speech = clean.speaking == 0, clean.speaking == 1
    spoken = float(heard.gap[speech].std()) + 1e-6
    return Survival(
        pearson(clean.gap, heard.gap),
        float(heard.gap.std() / (clean.gap.std() + 1e-9)),
        float(heard.gap[pause].std()) / spoken if pause.any() else float("nan"),
    )


def crowd_of(voices: list[Samples], length: int) -> Wave:
    """Several voices at once, each at the same loudness and turned by a part of its length."""
    turned = [
        np.roll(np.resize(v / (v.std() + 1e-9), length), k * length // 5) for k, v in enumerate((*voices, *voices), start=1)
    ]
    return np.sum(turned, axis=0, dtype=np.float64)


def main() -> None:
    """Prints means over the recordings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="+")
    given = parser.parse_args()
    facts = [probe_audio(path, MediaLimits()) for path in given.recordings]
    sounds = [read_samples(path, rate=SAMPLE_RATE) for path in given.recordings]
    clean = [mouth_of(sound, fact) for sound, fact in zip(sounds, facts, strict=True)]
    print(f"{len(sounds)} recordings; means of the animated gap against that of the clean recording")
    print(f"{'condition':30}{'r':>6}{'least r':>9}{'amplitude':>11}{'in pauses':>11}{'refused':>9}")
    for name, condition in {"as it is": lambda voice, _o, _r: voice, **CONDITIONS}.items():
        found: list[Survival] = []
        for index, (sound, fact) in enumerate(zip(sounds, facts, strict=True)):
            others = crowd_of([other for k, other in enumerate(sounds) if k != index] or [sound[::-1]], len(sound))
            heard = condition(sound.astype(np.float64), others, np.random.default_rng(index)).astype(np.float32)
            try:
                found.append(survival(clean[index], mouth_of(heard, fact)))
            except AudioSilent:
                continue
        rows = np.array([(s.r, s.amplitude, s.flutter) for s in found]) if found else np.full((1, 3), np.nan)
        r, amplitude, flutter = np.nanmean(rows, axis=0)
        print(f"{name:30}{r:6.2f}{rows[:, 0].min():9.2f}{amplitude:11.2f}{flutter:11.2f}{len(sounds) - len(found):9d}")


if __name__ == "__main__":
    main()
