"""The articulation network: a stack of dilated convolutions (temporal convolutional network, Bai et al. 2018)."""

from typing import Final

import torch
from torch import Tensor, nn

from spark_avatar.speech.features import ARTICULATION
from spark_avatar.speech.mel import BANDS
from training.phones import CLASSES

CHANNELS: Final = 128
DILATIONS: Final = (1, 2, 4, 8, 1, 2, 4, 8)
"""In frames of 20 ms: the network sees 0.62 s to either side."""


class Block(nn.Module):
    """Residual block: a dilated convolution over time, then a mix of the channels."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.context = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) to the same shape."""
        mixed: Tensor = self.mix(torch.relu(self.norm(self.context(x))))
        return x + mixed


class ArticulationNet(nn.Module):
    """Normalised log-mel (batch, T, 80) at 100 Hz to articulation and classes of sounds at 50 Hz."""

    def __init__(self, channels: int = CHANNELS, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__()
        self.entry = nn.Conv1d(BANDS, channels, 5, stride=2, padding=2)
        self.entry_norm = nn.BatchNorm1d(channels)
        self.blocks = nn.Sequential(*(Block(channels, dilation) for dilation in dilations))
        self.exit = nn.Conv1d(channels, len(ARTICULATION) + len(CLASSES), 1)

    def forward(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        """Articulation (batch, ceil(T / 2), 7) in 0..1 and class logits (batch, ceil(T / 2), 27)."""
        hidden = self.blocks(torch.relu(self.entry_norm(self.entry(logmel.transpose(1, 2)))))
        out = self.exit(torch.relu(hidden)).transpose(1, 2)
        return torch.sigmoid(out[..., : len(ARTICULATION)]), out[..., len(ARTICULATION) :]


class Committee(nn.Module):
    """The mean of several networks: what one of them got by luck, the others do not share."""

    def __init__(self, members: list[ArticulationNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        """As `ArticulationNet`."""
        channels, logits = zip(*(member(logmel) for member in self.members), strict=True)
        return torch.stack(channels).mean(dim=0), torch.stack(logits).mean(dim=0)


def restored(state: dict[str, Tensor]) -> ArticulationNet:
    """The network of saved weights, in evaluation mode, as wide as they are."""
    network = ArticulationNet(channels=len(state["entry.bias"]))
    network.load_state_dict(state)
    return network.eval()
