"""PyTorch weights -> ONNX: python -m training.export WEIGHTS ... OUT.onnx. Both must agree to 1e-4.

Several weights become one network that gives their mean. What was exported before (.onnx) may be among them.
"""

# ruff: noqa: T201 - a command that prints what it does

import argparse
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from spark_avatar.speech.mel import BANDS
from training.network import Committee, restored
from training.resume import exported_members

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


def main() -> None:
    """Exports saved weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    members = [
        member
        for path in given.weights
        for member in (exported_members(path) if path.suffix == ".onnx" else [restored(torch.load(path, weights_only=True))])
    ]
    network = members[0] if len(members) == 1 else Committee(members)
    print(f"{given.out}: ONNX differs from PyTorch by at most {export(network, given.out):.1e}")


if __name__ == "__main__":
    main()
