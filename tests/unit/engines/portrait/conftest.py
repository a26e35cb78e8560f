"""One analysed and rigged portrait for all tests of the engine: the astronaut, a toothy smile in a rectangle of background."""

from dataclasses import replace

import numpy as np
import painted_portrait as paint
import pytest
import skimage.data

from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import FramePose
from spark_avatar.engines.portrait.framing import frame_size
from spark_avatar.engines.portrait.lip_space import MouthControls
from spark_avatar.engines.portrait.portrait_rig import build_rig
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.face.rig import FaceDiagnostics, FaceRig, HeadPose


@pytest.fixture(scope="session")
def analyzer():
    return FaceAnalyzer()


@pytest.fixture(scope="session")
def astronaut(analyzer):
    return analyzer.analyze(skimage.data.astronaut())


@pytest.fixture(scope="session")
def rig(astronaut):
    return build_rig(astronaut, (512, 512))


@pytest.fixture
def compositor(rig):
    return Compositor(rig)


@pytest.fixture(scope="session")
def painted_face():
    """A face with closed lips, and nothing known of its background."""
    canvas = paint.painted_canvas()
    diagnostics = FaceDiagnostics(1, (0.0, 0.0, 1.0, 1.0), 0.5, paint.E, HeadPose(0, 0, 0), 1.0, 1.0, 0.0)
    return FaceRig(canvas.base, canvas.points, paint.E, np.eye(3), HeadPose(0, 0, 0), None, diagnostics)


@pytest.fixture(scope="session")
def pose():
    """Makes a pose from what differs from rest; lips are given by the names of `MouthControls`."""
    lips = set(MouthControls.__dataclass_fields__)

    def make(rotation=(0, 0, 0), translation=(0, 0, 0), **values):
        mouth = MouthControls(**{name: value for name, value in values.items() if name in lips})
        rest = dict.fromkeys(["tongue", "brow", "brow_inner", "blink_right", "blink_left", "gaze_x", "gaze_y", "breath"], 0.0)
        others = {name: value for name, value in values.items() if name not in lips}
        return FramePose(mouth=mouth, rotation=np.float32(rotation), translation=np.float32(translation), **{**rest, **others})

    return make


@pytest.fixture(scope="session")
def cropped(astronaut):
    """The astronaut in another frame: a part of the picture, x0, y0, x1, y1."""

    def make(x0, y0, x1, y1):
        return replace(
            astronaut,
            image=np.ascontiguousarray(astronaut.image[y0:y1, x0:x1]),
            landmarks=astronaut.landmarks - [x0, y0, 0],
            matte=np.ascontiguousarray(astronaut.matte[y0:y1, x0:x1]),
        )

    return make


@pytest.fixture(scope="session")
def rigged():
    """Rigs a face at its own size."""

    def make(face, resolution="source"):
        height, width = face.image.shape[:2]
        return build_rig(face, frame_size((width, height), resolution))

    return make
