"""What the training minimises."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from spark_avatar.speech.features import ARTICULATION
from training.batches import Batch

_OPEN, _CLOSE = ARTICULATION.index("open"), ARTICULATION.index("close")
_CHANNEL_WEIGHTS: Final = {"open": 3.0, "round": 1.0, "wide": 1.0, "close": 2.0, "labiodental": 1.5, "tongue": 0.7, "teeth": 0.7}
_MEETING_REACH: Final = 3
_ARTICULATION, _CLASSES, _SHAPE = 8.0, 0.5, 0.5


@dataclass(frozen=True)
class Emphasis:
    """How much closures of the lips count: a missed one is seen at once."""

    closure: float = 1.0
    """Frames where lips meet count 1 + this many times. (With 2, half the closures are false.)"""
    meeting: float = 2.0
    """Weight of the error of the highest closure within 60 ms. A closure a moment early is as good as one on time, and
    squared errors of frames like a low bump better than a peak that may be misplaced."""


EMPHASIS: Final = Emphasis()


@dataclass(frozen=True)
class Loss:
    """The sum and its parts."""

    total: Tensor
    error: Tensor
    """Weighted mean squared error of the channels."""
    entropy: Tensor
    """Cross-entropy of the classes of sounds."""
    correlation: Tensor
    """Mean Pearson r of the visible gap per crop."""
    meeting: Tensor
    """Mean squared error of the highest closure within 60 ms, those where lips meet counting more."""


def loss_of(channels: Tensor, logits: Tensor, batch: Batch, emphasis: Emphasis) -> Loss:
    """Compares the network's outputs with a batch's targets."""
    weights = torch.tensor([_CHANNEL_WEIGHTS[name] for name in ARTICULATION])
    closing = 1 + emphasis.closure * batch.channels[..., _CLOSE : _CLOSE + 1]
    error = (weights * closing * (channels - batch.channels).square()).mean()
    entropy = functional.cross_entropy(logits.flatten(0, 1), batch.classes.flatten(), label_smoothing=0.05)
    correlation = _pearson(_gap(channels), _gap(batch.channels)).mean()
    near, wanted = (_highest_near(curves[..., _CLOSE]) for curves in (channels, batch.channels))
    meeting = ((1 + emphasis.closure * wanted) * (near - wanted).square()).mean()
    total = _ARTICULATION * error + _CLASSES * entropy + _SHAPE * (1 - correlation) + emphasis.meeting * meeting
    return Loss(total, error, entropy, correlation, meeting)


def _highest_near(curve: Tensor) -> Tensor:
    return functional.max_pool1d(curve, 2 * _MEETING_REACH + 1, stride=1, padding=_MEETING_REACH)


def _gap(channels: Tensor) -> Tensor:
    return channels[..., _OPEN] * (1 - channels[..., _CLOSE])


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    a, b = (curve - curve.mean(1, keepdim=True) for curve in (a, b))
    return (a * b).sum(1) / torch.sqrt(a.square().sum(1) * b.square().sum(1) + 1e-6)
