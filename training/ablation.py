"""What each part of the recipe is worth: python -m training.ablation --features FOLDER --heldout FOLDER --out FOLDER.

Trains the recipe and variants of it for the same number of steps, the recipe with every seed, the variants
with the first one, and prints how well they hear the development part of the held-out voices. What the seeds differ by is luck; a
variant has to differ by more. Weights stay in `--out`: a run that was interrupted goes on where it stopped, and
`training.evaluate` reads them as well.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from training.batches import Batches, load_features
from training.corpus import Recording, development_part, load_corpus
from training.export import export
from training.heldout import score_held_out
from training.losses import EMPHASIS, Emphasis
from training.network import CHANNELS
from training.predictor import open_predictor
from training.train import CROP_FRAMES, CROPS, fit


@dataclass(frozen=True)
class Variant:
    """What one training changes."""

    emphasis: Emphasis = EMPHASIS
    channels: int = CHANNELS
    sources: tuple[str, ...] = ("espeak", "festival", "flite")
    versions: tuple[str, ...] = ("v1", "v2")

    def hears(self, name: str) -> bool:
        """Whether it learns from a file of features such as train_flite_awb_v1."""
        parts = name.split("_")
        return parts[1] in self.sources and parts[-1] in self.versions


RECIPE: Final = "recipe"
VARIANTS: Final = {
    RECIPE: Variant(),
    "closure weight 0": Variant(Emphasis(closure=0)),
    "closure weight 2": Variant(Emphasis(closure=2)),
    "meeting weight 0": Variant(Emphasis(meeting=0)),
    "192 channels": Variant(channels=192),
    "one version": Variant(versions=("v1",)),
    "without eSpeak NG": Variant(sources=("festival", "flite")),
    "eSpeak NG only": Variant(sources=("espeak",)),
    "without Flite": Variant(sources=("espeak", "festival")),
}


def train_variant(variant: Variant, features: list[Path], out: Path, *, steps: int, seed: int, bfloat16: bool) -> None:
    """Writes the network to `out` as ONNX."""
    files, weights = load_features(features, variant.hears)
    network = fit(
        Batches(files, weights, crops=CROPS, frames=CROP_FRAMES, seed=seed),
        steps=steps,
        seed=seed,
        report=lambda _step, _loss: None,
        keep=lambda _network: None,
        channels=variant.channels,
        emphasis=variant.emphasis,
        bfloat16=bfloat16,
    )
    export(network, out)


def row_of(weights: Path, held_out: list[list[Recording]]) -> str:
    """Means over the corpora."""
    predictor = open_predictor(str(weights))
    rows = [score_held_out(predictor, recordings) for recordings in held_out]
    means = (np.mean([getattr(row, name) for row in rows]) for name in ("gap_r", "hit", "right", "timing_ms"))
    return "{:7.3f}{:7.3f}{:7.3f}{:6.1f}".format(*means)


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, nargs="+", required=True)
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=sorted(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--bfloat16", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    held_out = [development_part(load_corpus(path.with_suffix(""))) for path in sorted(given.heldout.glob("heldout_*.json"))]
    print(f"{'variant':22}{'seed':>4}  gap r    hit  right    ms", flush=True)
    for name in given.only:
        for seed in given.seeds if name == RECIPE else given.seeds[:1]:
            weights = given.out / f"{name.replace(' ', '-')}-{seed}-{given.steps}.onnx"
            if not weights.exists():
                train_variant(VARIANTS[name], given.features, weights, steps=given.steps, seed=seed, bfloat16=given.bfloat16)
            print(f"{name:22}{seed:4}{row_of(weights, held_out)}", flush=True)


if __name__ == "__main__":
    main()
