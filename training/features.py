"""Corpora -> features and targets: python -m training.features --corpora FOLDER --out FOLDER [--versions N] [--jobs N].

Every recording is set to the level that inference sets and turned into the same log-mel spectrogram, clean in version 0 and
under other conditions in versions 1 and up.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray, Samples
from spark_avatar.speech.articulation import REFERENCE_DB
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.levels import measure_levels, short_time_level
from spark_avatar.speech.mel import MEL_RATE, SAMPLE_RATE, log_mel
from training.augment import vary
from training.corpus import load_corpus
from training.targets import Targets, targets

_BABBLE_SECONDS = 600
_STEP = SAMPLE_RATE // FEATURE_RATE


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """Recordings one after the other at `MEL_RATE`."""

    mel: NDArray[np.float16]
    """(n, 80)."""
    channels: NDArray[np.uint8]
    """(n, 7), 0..255 for 0..1."""
    classes: NDArray[np.uint8]
    """(n,)."""

    def save(self, path: Path) -> None:
        """One file per array, which `load` maps into memory."""
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in ("classes", "channels", "mel"):
            np.save(path.with_name(f"{path.name}.{name}.npy"), getattr(self, name))

    @staticmethod
    def load(path: Path) -> "FeatureFile":
        """What `save` wrote."""
        return FeatureFile(
            *(np.load(path.with_name(f"{path.name}.{name}.npy"), mmap_mode="r") for name in ("mel", "channels", "classes"))
        )

    @property
    def hours(self) -> float:
        """Length."""
        return len(self.mel) / MEL_RATE / 3600


def levelled_log_mel(samples: Samples) -> FloatArray:
    """Log-mel spectrogram (frames, 80) at the level at which the analysis of a recording hears it."""
    levels = measure_levels(short_time_level(samples, -(-len(samples) // _STEP)))
    return log_mel(samples * np.float32(10 ** ((REFERENCE_DB - levels.loud) / 20)))


def build(corpus: Path, version: int) -> FeatureFile:
    """Features of one corpus; the corpus' name and the version seed the conditions."""
    recordings = load_corpus(corpus)
    random = np.random.default_rng([zlib.crc32(corpus.name.encode()), version])
    everything = np.load(corpus.with_suffix(".npy"), mmap_mode="r")
    babble = np.asarray(everything[: _BABBLE_SECONDS * SAMPLE_RATE]).astype(np.float64) / 32768
    mels: list[NDArray[np.float16]] = []
    made: list[Targets] = []
    for recording in recordings:
        wave, segments = recording.samples.astype(np.float64) / 32768, recording.segments
        if version > 0:
            wave, segments = vary(wave, segments, babble, random)
        mel = levelled_log_mel(wave.astype(np.float32))
        mels.append(mel.astype(np.float16))
        made.append(targets(segments, len(mel)))
    channels = np.round(255 * np.concatenate([target.channels for target in made])).astype(np.uint8)
    return FeatureFile(np.concatenate(mels), channels, np.concatenate([target.classes for target in made]))


def _build_and_save(corpus: Path, version: int, out: Path) -> None:
    path = out / f"{corpus.name}_v{version}"
    if path.with_name(f"{path.name}.mel.npy").exists():
        return
    features = build(corpus, version)
    features.save(path)
    print(f"{path.name}: {features.hours:.2f} h", flush=True)


def main() -> None:
    """Builds what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--versions", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    found = sorted(path.with_suffix("") for path in given.corpora.glob("train_*.json"))
    with ProcessPoolExecutor(given.jobs) as pool:
        waiting = [pool.submit(_build_and_save, corpus, version, given.out) for version in given.versions for corpus in found]
        for done in waiting:
            done.result()


if __name__ == "__main__":
    main()
