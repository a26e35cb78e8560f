"""One face through the frames of a film."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from spark_avatar.capture.measurements import measure
from spark_avatar.face.detector import FaceDetector
from spark_avatar.face.mesh import FaceMesh, FaceMesher
from spark_avatar.media.arrays import FloatArray, RGBImage
from spark_avatar.media.film import FilmFrame

LEAST_PRESENCE: Final = 0.5
SETTLING: Final = 4
"""Further looks at the picture in which a face is found. The mesh is looked for where it was seen last, and takes so many looks
to come to rest: without them brows jerk at the start of every track."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A frame, and what is measured of the face in it."""

    seconds: float
    """From the film's first frame on."""
    shown: float
    """Seconds that the frame stays; 0 where the film doesn't say."""
    measured: FloatArray | None
    """(len(MEASUREMENTS),); None where no face is seen."""


def follow_face(frames: Iterable[FilmFrame]) -> Iterator[Sighting]:
    """Measures the largest face. It is followed from frame to frame, or looked for anew where it is lost."""
    detector, mesher = FaceDetector(), FaceMesher()
    try:
        mesh: FaceMesh | None = None
        for frame in frames:
            mesh = _seen(mesher.follow(frame.image, mesh)) if mesh is not None else None
            mesh = mesh or _found(frame.image, detector, mesher)
            yield Sighting(frame.seconds, frame.shown, None if mesh is None else measure(mesh.points))
    finally:
        detector.close()
        mesher.close()


def _found(image: RGBImage, detector: FaceDetector, mesher: FaceMesher) -> FaceMesh | None:
    detections = detector.detect(image)
    mesh = _seen(mesher.locate(image, detections[0])) if detections else None
    for _ in range(SETTLING):
        mesh = _seen(mesher.follow(image, mesh)) if mesh is not None else None
    return mesh


def _seen(mesh: FaceMesh) -> FaceMesh | None:
    return mesh if mesh.presence >= LEAST_PRESENCE else None
