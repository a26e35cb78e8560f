"""The neural networks of MediaPipe 0.10.21 as plain functions on arrays. Nothing else in the project touches MediaPipe.

The networks come with MediaPipe's wheel (Apache-2.0): BlazeFace short and full range (Bazarevsky et al. 2019), Attention Mesh
(Grishchenko et al. 2020), the person detector of BlazePose (Bazarevsky et al. 2020), Selfie Segmentation. All run on the CPU,
treat every picture on its own (no tracking), and give the same answer to the same picture.
"""

import contextlib
import importlib
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from spark_avatar.face.landmarks import POINT_COUNT
from spark_avatar.media.arrays import Matte, Points, RGBImage

MESH_SIDE: Final = 192
"""Input of the mesh network, pixels."""
PERSON_SIDE: Final = 224
"""Input of the person detector, pixels."""

_UNUSED: Final = (
    "mediapipe.tasks",
    "mediapipe.tasks.python",
    *(
        f"mediapipe.python.solutions.{name}"
        for name in ("download_utils", "drawing_styles", "drawing_utils", "holistic", "objectron")
    ),
)
_OPTIONS: Final = (
    "mediapipe.calculators.core.flow_limiter_calculator_pb2",
    "mediapipe.calculators.tensor.tensors_to_floats_calculator_pb2",
    "mediapipe.calculators.util.collection_has_min_size_calculator_pb2",
    "mediapipe.calculators.util.landmark_projection_calculator_pb2",
)
"""Messages of options in our graphs that only left out parts of MediaPipe import: unknown ones are dropped without a word."""

_MESH_GRAPH = """
input_stream: "IMAGE:image"
input_stream: "ROI:roi"
input_side_packet: "WITH_ATTENTION:with_attention"
output_stream: "LANDMARKS:landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""
_MESH_PRESENCE = "facelandmarkcpu__face_presence_score"
_MESH_GATE = "facelandmarkcpu__ThresholdingCalculator.threshold"

_PERSON_GRAPH = """
input_stream: "IMAGE:image"
output_stream: "DETECTIONS:detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""
_PERSON_GATE = "posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh"


class _Graph(Protocol):
    def process(self, inputs: object) -> Any: ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class RawDetection:
    """One answer of a BlazeFace."""

    box: tuple[float, float, float, float]
    """x, y, width, height in pixels; eyebrows to chin."""
    eyes: Points
    """(2, 2): the subject's right and left eye."""
    score: float


class BlazeFace:
    """Finds faces: the short range sees those that fill much of the picture, the full range smaller ones."""

    def __init__(self, *, full_range: bool, least_score: float) -> None:
        with _quiet:
            module = _solution("face_detection")
            self._graph: _Graph = module.FaceDetection(model_selection=int(full_range), min_detection_confidence=least_score)
            self.detect(_blank(128))

    def detect(self, image: RGBImage) -> list[RawDetection]:
        """All faces in the picture, in pixels of it."""
        height, width = image.shape[:2]
        found = []
        for detection in self._graph.process(np.ascontiguousarray(image)).detections or ():
            box, eyes = detection.location_data.relative_bounding_box, detection.location_data.relative_keypoints[:2]
            found.append(
                RawDetection(
                    box=(box.xmin * width, box.ymin * height, box.width * width, box.height * height),
                    eyes=np.array([(eye.x * width, eye.y * height) for eye in eyes]),
                    score=float(detection.score[0]),
                )
            )
        return found

    def close(self) -> None:
        """Frees the network."""
        self._graph.close()


class MeshNetwork:
    """Fits 478 points to an upright face that fills two thirds of a square crop.

    MediaPipe's own `FaceMesh` looks for the face again in every crop and keeps to itself how sure it is; this graph is its inner
    half, with the crop chosen by the caller and the presence score laid open.
    """

    def __init__(self) -> None:
        with _quiet:
            base = _module("mediapipe.python.solution_base")
            rect = _module("mediapipe.framework.formats.rect_pb2")
            self._whole = rect.NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)
            self._graph: _Graph = base.SolutionBase(
                graph_config=_MESH_GRAPH,
                side_inputs={"with_attention": True},
                outputs=["landmarks", _MESH_PRESENCE],
                calculator_params={_MESH_GATE: 0.0},
            )
            self.fit(_blank(MESH_SIDE))

    def fit(self, crop: RGBImage) -> tuple[Points, float]:
        """(478, 3) points in pixels of the crop (`MESH_SIDE` square), and 0..1, how sure it is that a face is there."""
        answer = self._graph.process({"image": crop, "roi": self._whole})
        points = np.fromiter(
            (value for point in answer.landmarks.landmark for value in (point.x, point.y, point.z)),
            dtype=np.float64,
            count=3 * POINT_COUNT,
        ).reshape(POINT_COUNT, 3)
        # The network counts from the corner of the first pixel. A crop and its mirror image, on 14 portraits, differ by
        # 1.0 pixel in x if that is overlooked.
        return points * MESH_SIDE - [0.5, 0.5, 0.0], float(getattr(answer, _MESH_PRESENCE))

    def close(self) -> None:
        """Frees the network."""
        self._graph.close()


class PersonNetwork:
    """Finds people, body and head; unlike the face networks it was trained to tell people from animals."""

    def __init__(self) -> None:
        with _quiet:
            base = _module("mediapipe.python.solution_base")
            self._graph: _Graph = base.SolutionBase(graph_config=_PERSON_GRAPH, calculator_params={_PERSON_GATE: 0.02})
            self.score(_blank(PERSON_SIDE))

    def score(self, crop: RGBImage) -> float:
        """0..1, how sure it is that a person is in the crop."""
        detections = self._graph.process({"image": crop}).detections or ()
        return max((float(detection.score[0]) for detection in detections), default=0.0)

    def close(self) -> None:
        """Frees the network."""
        self._graph.close()


class SelfieNetwork:
    """Tells people from background, at 256 x 256."""

    def __init__(self) -> None:
        with _quiet:
            self._graph: _Graph = _solution("selfie_segmentation").SelfieSegmentation(model_selection=0)
            self.probability(_blank(256))

    def probability(self, image: RGBImage) -> Matte:
        """(height, width) of the picture, 0..1."""
        mask = self._graph.process(np.ascontiguousarray(image)).segmentation_mask
        return np.array(mask, dtype=np.float32)

    def close(self) -> None:
        """Frees the network."""
        self._graph.close()


def _blank(side: int) -> RGBImage:
    return np.full((side, side, 3), 127, np.uint8)


def _solution(name: str) -> Any:
    return _module(f"mediapipe.python.solutions.{name}")


def _module(name: str) -> Any:
    # A protobuf helper that MediaPipe calls for every answer has been renamed since; nothing for a user to act on.
    warnings.filterwarnings("ignore", message=r"SymbolDatabase\.GetPrototype", category=UserWarning)
    with _importing:
        if name in sys.modules:
            return sys.modules[name]
        with _only_what_is_used():
            module = importlib.import_module(name)
        for options in _OPTIONS:
            importlib.import_module(options)
        return module


@contextlib.contextmanager
def _only_what_is_used() -> Iterator[None]:
    """Keeps MediaPipe's import from loading what we never call.

    `import mediapipe` loads its other solutions, its tasks and its drawing helpers, and those load matplotlib, an HTTP client and
    300 modules more: nine tenths of the time. Empty modules stand in for them during the import and are taken away
    afterwards; another program in this process gets the real ones when it asks for them.
    """
    placed = {name: types.ModuleType(name) for name in _UNUSED if "mediapipe" not in sys.modules}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]
        if placed and "mediapipe.python.solutions" in sys.modules:
            whole, solutions = sys.modules["mediapipe"], sys.modules["mediapipe.python.solutions"]
            vars(whole).pop("tasks", None)
            whole.__getattr__ = _later(whole, {"tasks": "mediapipe.tasks.python"})  # type: ignore[method-assign]
            by_name = {name.rpartition(".")[2]: name for name in placed if name.startswith(solutions.__name__)}
            solutions.__getattr__ = _later(solutions, by_name)  # type: ignore[method-assign]


def _later(module: types.ModuleType, parts: dict[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562) that imports its parts, by name, when they are asked for."""

    def load(name: str) -> Any:
        if name not in parts:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        loaded = importlib.import_module(parts[name])
        setattr(module, name, loaded)
        return loaded

    return load


class _Quiet:
    """Drops what native code writes to standard error while networks are loaded and run for the first time.

    TensorFlow Lite and Abseil announce delegates and missing features there, straight to file descriptor 2, and have no switch
    that works before their logging is set up. Later runs are silent. Several threads may load at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            try:
                sys.stderr.flush()
                self._saved = os.dup(2)
            except (OSError, ValueError, AttributeError):  # no standard error: nothing to keep quiet
                return
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 2)
            os.close(sink)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside or self._saved is None:
                return
            os.dup2(self._saved, 2)
            os.close(self._saved)
            self._saved = None


_quiet: Final = _Quiet()
_importing: Final = threading.Lock()
