"""Synthesised recordings with the times of their sounds, as files."""

import json
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from spark_avatar.speech.mel import SAMPLE_RATE
from training.phones import PHONES, SILENCE, read_ipa

Segment = tuple[float, float, str]
"""Start and end in seconds, and a symbol."""

_LOUD_PEAK: Final = 16_000
_FIRST_HALF_OF_DIPHTHONG: Final = 0.55


@dataclass(frozen=True, eq=False)
class Recording:
    """One synthesised text."""

    samples: NDArray[np.int16]
    """(n,), 16 kHz mono."""
    segments: list[Segment]
    """Sounds of `phones.PHONES` without gaps."""
    voice: str


def as_recording(samples: NDArray[np.int16], rate: int, spoken: list[Segment], voice: str) -> Recording:
    """Brings a synthesiser's output to 16 kHz and a common peak, its IPA symbols to single sounds."""
    wave = samples.astype(np.float32)
    if rate != SAMPLE_RATE:
        divisor = gcd(SAMPLE_RATE, rate)
        wave = signal.resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
    peak = float(np.percentile(np.abs(wave), 99.9)) + 1e-6
    scaled = np.clip(wave * (_LOUD_PEAK / peak), -32767, 32767).astype(np.int16)
    return Recording(scaled, single_sounds(spoken), voice)


def single_sounds(spoken: list[Segment]) -> list[Segment]:
    """Splits diphthongs and clusters, gives unknown symbols to the sound before, joins neighbouring pauses."""
    sounds: list[Segment] = []
    for start, end, symbol in spoken:
        if end <= start:
            continue
        parts = read_ipa(symbol)
        if not parts:
            if sounds:
                sounds[-1] = (sounds[-1][0], end, sounds[-1][2])
            continue
        cuts = np.linspace(0, 1, len(parts) + 1)
        if len(parts) == 2 and PHONES[parts[0]].vowel and PHONES[parts[1]].vowel:
            cuts[1] = _FIRST_HALF_OF_DIPHTHONG
        for part, first, last in zip(parts, cuts[:-1], cuts[1:], strict=True):
            begin = start + (end - start) * float(first)
            if sounds and part == SILENCE and sounds[-1][2] == SILENCE:
                begin = sounds.pop()[0]
            sounds.append((begin, start + (end - start) * float(last), part))
    return sounds


def save_corpus(recordings: list[Recording], path: Path) -> float:
    """Writes PATH.npy (all samples) and PATH.json (where each recording lies and its sounds); returns the hours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.concatenate([recording.samples for recording in recordings])
    entries = [
        {
            "samples": len(recording.samples),
            "voice": recording.voice,
            "segments": [(round(start, 4), round(end, 4), symbol) for start, end, symbol in recording.segments],
        }
        for recording in recordings
    ]
    np.save(path.with_suffix(".npy"), samples)
    path.with_suffix(".json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return len(samples) / SAMPLE_RATE / 3600


def load_corpus(path: Path) -> list[Recording]:
    """What `save_corpus` wrote."""
    samples = np.load(path.with_suffix(".npy"), mmap_mode="r")
    recordings, position = [], 0
    for entry in json.loads(path.with_suffix(".json").read_text(encoding="utf-8")):
        piece = np.asarray(samples[position : position + entry["samples"]])
        recordings.append(Recording(piece, [(s, e, symbol) for s, e, symbol in entry["segments"]], entry["voice"]))
        position += entry["samples"]
    return recordings


def development_part(recordings: list[Recording]) -> list[Recording]:
    """The held-out recordings on which recipes are compared and chosen: every other one."""
    return recordings[::2]


def reported_part(recordings: list[Recording]) -> list[Recording]:
    """The held-out recordings on which nothing is chosen: the others."""
    return recordings[1::2]
