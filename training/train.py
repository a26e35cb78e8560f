"""Trains the network: python -m training.train --features FOLDER ... --out WEIGHTS.pt --steps N [--seed N] [--start WEIGHTS].

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
from training.losses import EMPHASIS, Emphasis, Loss, loss_of
from training.network import CHANNELS, ArticulationNet
from training.resume import saved_network

CROPS: Final = 12
CROP_FRAMES: Final = int(4.0 * MEL_RATE)
_LEARNING_RATE: Final = 4e-3
_RESTART_RATE: Final = 2e-3
_WARM_UP: Final = 200
_WEIGHT_DECAY: Final = 0.01
_CLIP: Final = 2.0
_AVERAGED_SHARE: Final = 1 / 14
"""Of the steps, over which the weights are averaged (500 of 7,000)."""
_STATISTICS_BATCHES: Final = 20
_REPORT_EVERY: Final = 100
_SAVE_EVERY: Final = 500


def fit(
    batches: Batches,
    *,
    steps: int,
    seed: int,
    report: Callable[[int, Loss], None],
    keep: Callable[[nn.Module], None],
    start: ArticulationNet | None = None,
    channels: int = CHANNELS,
    emphasis: Emphasis = EMPHASIS,
    bfloat16: bool = False,
) -> ArticulationNet:
    """The network after `steps` batches: the running mean of its weights, in evaluation mode.

    `report` hears of every step; `keep` gets the averaged network now and then. `start` is the network of an earlier stage,
    with which it goes on at half the rate; without them a network of `channels` begins anew. `bfloat16` computes the
    convolutions in that format (weights and losses stay in single precision), about 1.5 times as fast where the processor has
    it.
    """
    torch.manual_seed(seed)
    network = ArticulationNet(channels) if start is None else start.train()
    rate = _LEARNING_RATE if start is None else _RESTART_RATE
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(_decay(steps)), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for step in range(1, steps + 1):
        batch = batches.draw()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            articulation, logits = network(batch.mel)
        loss = loss_of(articulation.float(), logits.float(), batch, emphasis)
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


def _decay(steps: int) -> float:
    """Of the running mean of the weights, per step."""
    return max(0.0, 1 - 1 / (_AVERAGED_SHARE * steps))


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
        values = [float(part.detach()) for part in (loss.total, loss.error, loss.entropy, loss.correlation, loss.meeting)]
        self._means = values if self._means is None else [0.98 * m + 0.02 * v for m, v in zip(self._means, values, strict=True)]
        if step % _REPORT_EVERY == 0:
            total, error, entropy, correlation, meeting = self._means
            seconds = time.monotonic() - self._started
            parts = f"error {error:.4f} entropy {entropy:.3f} r {correlation:.3f} meeting {meeting:.4f}"
            print(f"{step} {seconds:.0f} s: {total:.3f} {parts}", flush=True)


def main() -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", help="an earlier stage's WEIGHTS.pt, or FILE.onnx:0 for the first network of an exported file")
    parser.add_argument("--bfloat16", action="store_true", help="convolutions in bfloat16: faster where the processor has it")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    files, weights = load_features(given.features)
    print(f"{sum(file.hours for file in files):.1f} h of features, seed {given.seed}, {given.steps} steps", flush=True)
    batches = Batches(files, weights, crops=CROPS, frames=CROP_FRAMES, seed=given.seed)

    def keep(network: nn.Module) -> None:
        torch.save(network.state_dict(), given.out)

    network = fit(
        batches,
        steps=given.steps,
        seed=given.seed,
        report=Printer(),
        keep=keep,
        start=saved_network(given.start, [batches.draw().mel for _ in range(_STATISTICS_BATCHES)]) if given.start else None,
        bfloat16=given.bfloat16,
    )
    keep(network)


if __name__ == "__main__":
    main()
