"""Where the points of a face are."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spark_avatar.face.canonical import canonical_face
from spark_avatar.face.crop import SquareCrop
from spark_avatar.face.detector import Detection
from spark_avatar.face.landmarks import OUTER_EYE_CORNERS, SKIN_POINT_COUNT
from spark_avatar.face.mediapipe_models import MESH_SIDE, MeshNetwork
from spark_avatar.media.arrays import Points, RGBImage

FIRST_LOOK: Final = 1.5
"""Side of the first crop in sides of the detected box, as in MediaPipe's own pipeline."""
APPROACHES: Final = 2
"""Looks that only centre the crop on the face."""


@dataclass(frozen=True)
class _Look:
    """One of several slightly different crops of the same face."""

    size: float
    """Side in extents of the face."""
    shift: tuple[float, float]
    """Across and down, in extents of the face."""
    turn: float
    """Radians."""
    mirrored: bool


_LOOKS: Final = (
    _Look(1.50, (0.00, 0.00), 0.00, mirrored=False),
    _Look(1.50, (0.02, -0.02), 0.06, mirrored=True),
    _Look(1.65, (-0.03, 0.00), -0.06, mirrored=False),
    _Look(1.65, (0.00, 0.03), 0.03, mirrored=True),
    _Look(1.80, (0.03, 0.00), -0.03, mirrored=False),
    _Look(1.40, (-0.02, -0.02), 0.00, mirrored=True),
)
_FOLLOWING_LOOKS: Final = _LOOKS[:4]
"""Four looks at a frame of a video: what they misplace evens out over the frames."""


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """The points of one face and how sure they are."""

    points: Points
    """(478, 3), pixels of the picture."""
    presence: float
    """0..1, how sure the network is that it sees a face, mean of the looks."""
    spread: float
    """Root mean square deviation of the looks from `points`, median over the points, in outer-eye-corner distances."""


@dataclass(frozen=True, eq=False)
class FaceExtent:
    """The square around a face, tilted with it."""

    centre: Points
    """(2,), pixels of the picture."""
    side: float
    angle: float
    """Radians, clockwise in the picture."""

    def crop(self, size: float, shift: tuple[float, float], turn: float, pixels: int, *, mirrored: bool) -> SquareCrop:
        """A square of `size` sides, moved by `shift` sides along the face's own axes, and turned."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        offset = np.array([[cosine, -sine], [sine, cosine]]) @ np.array(shift) * self.side
        return SquareCrop(self.centre + offset, self.side * size, self.angle + turn, pixels, mirrored)


class FaceMesher:
    """Attention Mesh (Grishchenko et al. 2020) on several crops, half of them mirrored; the median of the answers.

    One look misplaces points by about 0.01 E in a way that depends on the crop, and more so on one side of the face than on
    the other; looks from both sides take most of that away.
    """

    def __init__(self) -> None:
        self._network = MeshNetwork()

    def locate(self, image: RGBImage, detection: Detection) -> FaceMesh:
        """The points of the detected face."""
        extent = _detected_extent(detection)
        for _ in range(APPROACHES):
            crop = extent.crop(FIRST_LOOK, (0, 0), 0, MESH_SIDE, mirrored=False)
            points, _presence = self._look(image, crop)
            extent = face_extent(points)
        return self._look_around(image, extent, _LOOKS)

    def follow(self, image: RGBImage, before: FaceMesh) -> FaceMesh:
        """The points of a face in a video's next frame."""
        return self._look_around(image, face_extent(before.points), _FOLLOWING_LOOKS)

    def close(self) -> None:
        """Frees the network."""
        self._network.close()

    def _look_around(self, image: RGBImage, extent: FaceExtent, looks: tuple[_Look, ...]) -> FaceMesh:
        """The median of several looks."""
        crops = [extent.crop(look.size, look.shift, look.turn, MESH_SIDE, mirrored=look.mirrored) for look in looks]
        answers = [self._look(image, crop) for crop in crops]
        stack = np.stack([points for points, _ in answers])
        median = np.median(stack, axis=0)
        return FaceMesh(median, float(np.mean([presence for _, presence in answers])), _spread(stack, median))

    def _look(self, image: RGBImage, crop: SquareCrop) -> tuple[Points, float]:
        points, presence = self._network.fit(crop.cut(image))
        points = crop.to_image(points)
        return points[canonical_face().mirror] if crop.mirrored else points, presence


def face_extent(points: Points) -> FaceExtent:
    """The square around the landmarks, tilted so that the eyes are level."""
    right, left = (points[corner, :2] for corner in OUTER_EYE_CORNERS)
    angle = float(np.arctan2(*(left - right)[::-1]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    return FaceExtent(turn @ (low + high) / 2, float((high - low).max()), angle)


def _detected_extent(detection: Detection) -> FaceExtent:
    x, y, width, height = detection.box
    right, left = detection.eyes
    return FaceExtent(np.array([x + width / 2, y + height / 2]), max(width, height), float(np.arctan2(*(left - right)[::-1])))


def _spread(stack: Points, median: Points) -> float:
    right, left = (median[corner, :2] for corner in OUTER_EYE_CORNERS)
    offsets = (stack - median)[:, :SKIN_POINT_COUNT, :2]
    deviation = np.sqrt((offsets**2).sum(axis=2).mean(axis=0))
    return float(np.median(deviation) / max(np.linalg.norm(left - right), 1.0))
