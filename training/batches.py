"""Random crops of the features, varied anew each time they are drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spark_avatar.media.arrays import FloatArray
from spark_avatar.speech.articulation import normalise
from spark_avatar.speech.features import FEATURE_RATE
from spark_avatar.speech.mel import MEL_RATE
from training.augment import vary_spectrogram
from training.features import FeatureFile

# How much of the training each kind of synthesiser gets, per hour of it: recorded diphones and statistical voices sound
# like people, eSpeak NG's formants bring the languages.
_WEIGHTS: Final = {"festival": 1.0, "flite": 1.5, "espeak": 0.8, "noise": 4.0}
_STEP: Final = MEL_RATE // FEATURE_RATE
_HEARD_RANGE: Final = 8.0
"""Mean log power under the loudest frame of a crop where its pauses begin."""


@dataclass(frozen=True, eq=False)
class Batch:
    """b crops of t frames at 100 Hz, t / 2 at 50 Hz."""

    mel: Tensor
    """(b, t, 80), normalised."""
    channels: Tensor
    """(b, t / 2, 7), 0..1."""
    classes: Tensor
    """(b, t / 2)."""


class Batches:
    """Draws batches; the same seed draws the same ones."""

    def __init__(self, files: list[FeatureFile], weights: list[float], *, crops: int, frames: int, seed: int) -> None:
        """`weights` are per frame of each file; `frames` is even."""
        self._files = files
        shares = np.array([weight * len(file.mel) for file, weight in zip(files, weights, strict=True)])
        self._shares = shares / shares.sum()
        self._crops, self._frames = crops, frames
        self._random = np.random.default_rng(seed)

    def draw(self) -> Batch:
        """One batch."""
        drawn = [self._crop() for _ in range(self._crops)]
        mel, channels, classes = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
        return Batch(torch.from_numpy(mel), torch.from_numpy(channels).float() / 255, torch.from_numpy(classes).long())

    def _crop(self) -> tuple[FloatArray, NDArray[np.uint8], NDArray[np.uint8]]:
        file = self._files[self._random.choice(len(self._files), p=self._shares)]
        first = int(self._random.integers(0, len(file.mel) - self._frames))
        last = first + self._frames
        mel = vary_spectrogram(file.mel[first:last].astype(np.float32), self._random)
        level = mel.mean(axis=1)
        normalised = normalise(mel, level > level.max() - _HEARD_RANGE)
        return normalised.astype(np.float32), file.channels[first:last:_STEP], file.classes[first:last:_STEP]


def load_features(folders: list[Path], wanted: Callable[[str], bool] = lambda _: True) -> tuple[list[FeatureFile], list[float]]:
    """The training features in the folders whose names are `wanted` (such as train_flite_awb_v1), and their weights.

    Raises `FileNotFoundError` if there are none.
    """
    paths = [path for folder in folders for path in sorted(folder.glob("train_*.mel.npy"))]
    stems = [path.with_name(path.name.removesuffix(".mel.npy")) for path in paths]
    stems = [stem for stem in stems if wanted(stem.name)]
    if not stems:
        raise FileNotFoundError(f"no such features in {', '.join(map(str, folders))}; run training.features first")
    return [FeatureFile.load(stem) for stem in stems], [_WEIGHTS[stem.name.split("_")[1]] for stem in stems]
