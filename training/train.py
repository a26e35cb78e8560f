"""Trains the network: python -m training.train --features FOLDER ... --out WEIGHTS.pt --steps N [--seed N] [--start WEIGHTS.pt].

The result depends on the steps, the seed, the features and the versions of PyTorch and NumPy, not on the time it takes.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from spark_avatar.speech.mel import MEL_RATE
from training.batches import Batches, load_features
from training.losses import CLOSURE_WEIGHT, Loss, loss_of
from training.network import CHANNELS, ArticulationNet, restored

_CROPS: Final = 12
_CROP_SECONDS: Final = 4.0
_LEARNING_RATE: Final = 2e-3
_SECOND_STAGE_RATE: Final = 7e-4
_WARM_UP: Final = 200
_WEIGHT_DECAY: Final = 0.01
_CLIP: Final = 2.0
_AVERAGING: Final = 0.998
_REPORT_EVERY: Final = 100
_SAVE_EVERY: Final = 500


def fit(
    batches: Batches,
    *,
    steps: int,
    seed: int,
    report: Callable[[int, Loss], None],
    keep: Callable[[nn.Module], None],
    start: dict[str, torch.Tensor] | None = None,
    channels: int = CHANNELS,
    closure_weight: float = CLOSURE_WEIGHT,
) -> ArticulationNet:
    """The network after `steps` batches: the running mean of its weights, in evaluation mode.

    `report` hears of every step; `keep` gets the averaged network now and then. `start` are the weights of an earlier
    stage, from which it goes on at a lower rate; without them a network of `channels` begins anew.
    """
    torch.manual_seed(seed)
    network = ArticulationNet(channels) if start is None else restored(start).train()
    rate = _LEARNING_RATE if start is None else _SECOND_STAGE_RATE
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(_AVERAGING), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for step in range(1, steps + 1):
        batch = batches.draw()
        articulation, logits = network(batch.mel)
        loss = loss_of(articulation, logits, batch, closure_weight)
        optimiser.zero_grad()
        loss.total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        report(step, loss)
        if step % _SAVE_EVERY == 0:
            keep(average.module)
    averaged: ArticulationNet = average.module
    return averaged.eval()


def _rate(step: int, steps: int) -> float:
    """Warm-up, then half a cosine."""
    return min(1.0, (step + 1) / _WARM_UP) * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)


class Printer:
    """Prints running means of the loss."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._means: list[float] | None = None

    def __call__(self, step: int, loss: Loss) -> None:
        """Takes note of one step."""
        values = [float(part.detach()) for part in (loss.total, loss.error, loss.entropy, loss.correlation)]
        self._means = values if self._means is None else [0.98 * m + 0.02 * v for m, v in zip(self._means, values, strict=True)]
        if step % _REPORT_EVERY == 0:
            total, error, entropy, correlation = self._means
            seconds = time.monotonic() - self._started
            print(f"{step} {seconds:.0f} s: {total:.3f} error {error:.4f} entropy {entropy:.3f} r {correlation:.3f}", flush=True)


def main() -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights of an earlier stage")
    parser.add_argument("--channels", type=int, default=CHANNELS, help="width of a new network")
    parser.add_argument("--closure-weight", type=float, default=CLOSURE_WEIGHT)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    files, weights = load_features(given.features)
    print(f"{sum(file.hours for file in files):.1f} h of features, seed {given.seed}, {given.steps} steps", flush=True)
    batches = Batches(files, weights, crops=_CROPS, frames=int(_CROP_SECONDS * MEL_RATE), seed=given.seed)

    def keep(network: nn.Module) -> None:
        torch.save(network.state_dict(), given.out)

    start = torch.load(given.start, weights_only=True) if given.start else None
    network = fit(
        batches,
        steps=given.steps,
        seed=given.seed,
        report=Printer(),
        keep=keep,
        start=start,
        channels=given.channels,
        closure_weight=given.closure_weight,
    )
    keep(network)


if __name__ == "__main__":
    main()
