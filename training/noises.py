"""What is no speech: python -m training.noises --out FOLDER [--hours N] [--seed N]. Its target is rest.

Steady, gated and swelling noises of all colours, chords and tones. Without them the network takes bursts of noise for
consonants.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from spark_avatar.speech.mel import SAMPLE_RATE
from training.augment import Generator, Wave, chords, coloured_noise
from training.corpus import Recording, save_corpus
from training.phones import SILENCE

_SECONDS: Final = 8
_SAMPLES: Final = _SECONDS * SAMPLE_RATE


def noise_recording(random: Generator) -> Recording:
    """Eight seconds in which nobody speaks."""
    kind = random.random()
    if kind < 0.7:
        wave = coloured_noise(_SAMPLES, random) * _envelope(random)
    elif kind < 0.9:
        wave = chords(_SAMPLES, random)
    else:
        wave = _tone(random) * _envelope(random)
    wave = wave + 10 ** random.uniform(-4, -1) * np.std(wave) * coloured_noise(_SAMPLES, random)
    scaled = wave * (10_000 / (np.percentile(np.abs(wave), 99.9) + 1e-9))
    return Recording(np.clip(scaled, -32767, 32767).astype(np.int16), [(0.0, float(_SECONDS), SILENCE)], "noise")


def _envelope(random: Generator) -> Wave:
    """Steady; gated; swelling at the rate of syllables; or with random knots."""
    time = np.arange(_SAMPLES) / SAMPLE_RATE
    kind = random.random()
    if kind < 0.3:
        return np.ones(_SAMPLES)
    period = random.uniform(0.1, 1.5)
    phase = (time / period + random.random()) % 1
    if kind < 0.6:
        gated: Wave = (phase < random.uniform(0.1, 0.8)).astype(np.float64)
        return gated
    if kind < 0.8:
        depth = random.uniform(0.5, 1)
        swelling: Wave = 1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * phase))
        return swelling
    knots = random.integers(8, 60)
    decibels = np.interp(time, np.linspace(0, _SECONDS, knots), random.uniform(-40, 0, knots))
    return 10 ** (decibels / 20)


def _tone(random: Generator) -> Wave:
    time = np.arange(_SAMPLES) / SAMPLE_RATE
    base = 10 ** random.uniform(2, 3.3)
    tones = [np.sin(2 * np.pi * base * k * time) / k for k in range(1, random.integers(2, 8))]
    total: Wave = np.sum(tones, axis=0)
    return total


def main() -> None:
    """Makes one corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    save_corpus([noise_recording(random) for _ in range(round(given.hours * 3600 / _SECONDS))], given.out / "train_noise")


if __name__ == "__main__":
    main()
