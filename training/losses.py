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
# A missed closure is seen at once: frames where lips meet count up to twice. (Three times: half the closures are false.)
CLOSURE_WEIGHT: Final = 1.0
_ARTICULATION, _CLASSES, _SHAPE = 8.0, 0.5, 0.5


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


def loss_of(channels: Tensor, logits: Tensor, batch: Batch, closure_weight: float = CLOSURE_WEIGHT) -> Loss:
    """Compares the network's outputs with a batch's targets; frames where lips meet count 1 + `closure_weight` times."""
    weights = torch.tensor([_CHANNEL_WEIGHTS[name] for name in ARTICULATION])
    closing = 1 + closure_weight * batch.channels[..., _CLOSE : _CLOSE + 1]
    error = (weights * closing * (channels - batch.channels).square()).mean()
    entropy = functional.cross_entropy(logits.flatten(0, 1), batch.classes.flatten(), label_smoothing=0.05)
    correlation = _pearson(_gap(channels), _gap(batch.channels)).mean()
    return Loss(_ARTICULATION * error + _CLASSES * entropy + _SHAPE * (1 - correlation), error, entropy, correlation)


def _gap(channels: Tensor) -> Tensor:
    return channels[..., _OPEN] * (1 - channels[..., _CLOSE])


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    a, b = (curve - curve.mean(1, keepdim=True) for curve in (a, b))
    return (a * b).sum(1) / torch.sqrt(a.square().sum(1) * b.square().sum(1) + 1e-6)
