"""PyTorch weights -> ONNX: python -m training.export WEIGHTS ... OUT.onnx. Both must agree to 1e-4.

Several weights become one network that gives their mean. One network that was exported before (.onnx) may be among them.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import nn

from spark_avatar.speech.mel import BANDS
from training.network import DILATIONS, ArticulationNet, Committee, restored

_OPSET: Final = 17
_LARGEST_DIFFERENCE: Final = 1e-4
_LENGTHS: Final = (1, 2, 7, 400, 1501)


def export(network: nn.Module, path: Path) -> float:
    """Writes the network and returns the largest difference between ONNX Runtime's and PyTorch's outputs.

    Raises `ArithmeticError` if that exceeds 1e-4.
    """
    network.eval()
    with warnings.catch_warnings():
        # The exporter that needs no tracing of shapes wants a newer opset than the runtime's oldest supported version.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.randn(1, 400, BANDS),),
            str(path),
            input_names=["logmel"],
            output_names=["art", "logits"],
            dynamic_axes={"logmel": {1: "T"}, "art": {1: "T2"}, "logits": {1: "T2"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    difference = max(_difference(network, path, length) for length in _LENGTHS)
    if difference > _LARGEST_DIFFERENCE:
        raise ArithmeticError(f"ONNX differs from PyTorch by {difference:.1e}")
    return difference


def _difference(network: nn.Module, path: Path, length: int) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logmel = np.random.default_rng(length).standard_normal((1, length, BANDS)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(logmel))
    found = session.run(None, {"logmel": logmel})
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, expected, strict=True))


def exported_before(path: Path) -> ArticulationNet:
    """The network in a file that `export` wrote, in evaluation mode. Raises `ValueError` if it holds a committee."""
    graph = onnx.load(path).graph
    arrays = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    if len(nodes) != 2 * len(DILATIONS) + 2:
        raise ValueError(f"{path} holds {len(nodes)} convolutions, one network has {2 * len(DILATIONS) + 2}")
    convolutions = [[arrays[name] for name in node.input[1:]] for node in nodes]
    network = ArticulationNet(channels=len(convolutions[0][1])).eval()
    layers = [network.entry, *(layer for block in network.blocks for layer in (block.context, block.mix)), network.exit]
    norms = {network.entry: network.entry_norm} | {block.context: block.norm for block in network.blocks}
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, convolutions, strict=True):
            layer.weight.copy_(weight)
            norm = norms.get(layer)
            # The export has drawn the normalisation, which follows, into the convolution.
            if norm is not None:
                norm.running_var.fill_(1 - norm.eps)
                norm.bias.copy_(bias)
            if layer.bias is not None:
                layer.bias.copy_(bias if norm is None else torch.zeros_like(bias))
    return network


def main() -> None:
    """Exports saved weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    members = [
        exported_before(path) if path.suffix == ".onnx" else restored(torch.load(path, weights_only=True))
        for path in given.weights
    ]
    network = members[0] if len(members) == 1 else Committee(members)
    print(f"{given.out}: ONNX differs from PyTorch by at most {export(network, given.out):.1e}")


if __name__ == "__main__":
    main()
