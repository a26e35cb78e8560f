"""Networks out of an exported file, to be joined anew (`export`) or trained on (`train --start FILE.onnx:MEMBER`)."""

from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.network import DILATIONS, ArticulationNet, restored

_CONVOLUTIONS = 2 * len(DILATIONS) + 2


def exported_members(path: Path) -> list[ArticulationNet]:
    """The networks whose mean the file that `export` wrote gives, in evaluation mode.

    The export has drawn every normalisation into the convolution before it: those of the networks change nothing but the mean.
    Raises `ValueError` if the file holds something else.
    """
    graph = onnx.load(path).graph
    arrays = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)).float() for tensor in graph.initializer}
    # What `export.halve` made small is cast before it is used.
    arrays |= {node.output[0]: arrays[node.input[0]] for node in graph.node if node.op_type == "Cast" and node.input[0] in arrays}
    convolutions = [[arrays[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    if not convolutions or len(convolutions) % _CONVOLUTIONS:
        raise ValueError(f"{path} holds {len(convolutions)} convolutions, a network has {_CONVOLUTIONS}")
    firsts = range(0, len(convolutions), _CONVOLUTIONS)
    return [_member(convolutions[first : first + _CONVOLUTIONS]) for first in firsts]


def _member(convolutions: list[list[Tensor]]) -> ArticulationNet:
    network = ArticulationNet(channels=len(convolutions[0][1])).eval()
    layers = [network.entry, *(layer for block in network.blocks for layer in (block.context, block.mix)), network.exit]
    norms = dict(_normalised(network))
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, convolutions, strict=True):
            layer.weight.copy_(weight)
            norm = norms.get(layer)
            if norm is not None:
                norm.running_var.fill_(1 - norm.eps)
                norm.bias.copy_(bias)
            if layer.bias is not None:
                layer.bias.copy_(bias if norm is None else torch.zeros_like(bias))
    return network


def _normalised(network: ArticulationNet) -> list[tuple[nn.Conv1d, nn.BatchNorm1d]]:
    return [(network.entry, network.entry_norm), *((block.context, block.norm) for block in network.blocks)]


def renormalised(network: ArticulationNet, crops: Iterable[Tensor]) -> None:
    """Gives the normalisations the statistics of log-mel `crops` (b, t, 80) without changing what the network says.

    Without it, training would normalise what was normalised before, and begin with another network.
    """
    network.eval()
    for convolution, norm in _normalised(network):
        seen: list[Tensor] = []
        hook = convolution.register_forward_hook(lambda _module, _given, out, seen=seen: seen.append(out))
        with torch.no_grad():
            for crop in crops:
                network(crop)
        hook.remove()
        values = torch.cat([out.transpose(0, 1).flatten(1) for out in seen], dim=1)
        with torch.no_grad():
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            offset = norm.bias - norm.running_mean * scale
            norm.running_mean.copy_(values.mean(dim=1))
            norm.running_var.copy_(values.var(dim=1))
            norm.weight.copy_(scale * torch.sqrt(norm.running_var + norm.eps))
            norm.bias.copy_(offset + norm.running_mean * scale)


def saved_members(name: str) -> list[ArticulationNet]:
    """The networks of `WEIGHTS.pt`, of `FILE.onnx`, or the one of `FILE.onnx:MEMBER` (0 for the first), in evaluation mode."""
    path, _, member = name.partition(":")
    if not path.endswith(".onnx"):
        return [restored(torch.load(path, weights_only=True))]
    found = exported_members(Path(path))
    return [found[int(member)]] if member else found


def saved_network(name: str, crops: Iterable[Tensor]) -> ArticulationNet:
    """`WEIGHTS.pt`, or `FILE.onnx:MEMBER`, ready to be trained on."""
    network = saved_members(name)[0]
    if name.partition(":")[0].endswith(".onnx"):
        renormalised(network, crops)
    return network
