"""PyTorch weights -> ONNX: python -m training.export WEIGHTS ... OUT.onnx. Both must agree to 1e-4.

Several weights become one network that gives their mean. What was exported before may be among them, whole (FILE.onnx) or one
network of it (FILE.onnx:0 for the first). `--halved`
then stores the weights in half precision, in half the space; the runtime turns them back as it loads them.
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
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from spark_avatar.speech.mel import BANDS
from training.network import Committee
from training.resume import saved_members

_OPSET: Final = 17
_LARGEST_DIFFERENCE: Final = 1e-4
_LARGEST_ROUNDING: Final = 5e-3
"""Of logits between about -10 and 10. Articulation differs by a tenth of that."""
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
    logmel = np.random.default_rng(length).standard_normal((1, length, BANDS)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(logmel))
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(_outputs(path, logmel), expected, strict=True))


def _outputs(path: Path, logmel: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: list[NDArray[np.float32]] = session.run(None, {"logmel": logmel})
    return outputs


def halve(path: Path) -> float:
    """Stores an exported network's kernels in half precision and returns the largest difference that makes in its outputs.

    Raises `ArithmeticError` if that exceeds 5e-3; the file is then as it was.
    """
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        kernel = numpy_helper.to_array(tensor)
        if kernel.dtype == np.float32 and kernel.ndim > 1:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(kernel.astype(np.float16), f"{name}_halved"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    for cast in casts:
        model.graph.node.insert(0, cast)
    logmel = np.random.default_rng(0).standard_normal((1, max(_LENGTHS), BANDS)).astype(np.float32)
    whole = _outputs(path, logmel)
    small = path.with_suffix(".halved.onnx")
    onnx.save(model, small)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(whole, _outputs(small, logmel), strict=True))
    if difference > _LARGEST_ROUNDING:
        small.unlink()
        raise ArithmeticError(f"half precision changes the outputs by {difference:.1e}")
    small.replace(path)
    return difference


def main() -> None:
    """Exports saved weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--halved", action="store_true")
    given = parser.parse_args()
    members = [member for name in given.weights for member in saved_members(name)]
    network = members[0] if len(members) == 1 else Committee(members)
    print(f"{given.out}: ONNX differs from PyTorch by at most {export(network, given.out):.1e}")
    if given.halved:
        print(f"{given.out}: half precision changes the outputs by at most {halve(given.out):.1e}")


if __name__ == "__main__":
    main()
