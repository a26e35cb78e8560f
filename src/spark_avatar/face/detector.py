"""Where the faces are."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from spark_avatar.face.mediapipe_models import BlazeFace
from spark_avatar.media.arrays import Points, RGBImage

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the picture."""

LONGEST_SIDE = 1280
"""The networks see 128 or 192 pixels; more than this only costs time."""
LEAST_SCORE = 0.5
SAME_FACE_OVERLAP = 0.3
"""Intersection over union from which two boxes are one face."""
SAME_FACE_COVER = 0.7
"""Share of the smaller box inside the larger one from which they are one face."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A place that looks like a face."""

    box: Box
    """Eyebrows to chin."""
    score: float
    """0..1."""
    eyes: Points
    """(2, 2): subject's right and left, in pixels."""

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.box[2] * self.box[3]


class FaceDetector:
    """BlazeFace, short and full range (Bazarevsky et al. 2019): the first is better at close faces, the second at small ones."""

    def __init__(self) -> None:
        self._networks = tuple(BlazeFace(full_range=full, least_score=LEAST_SCORE) for full in (False, True))

    def detect(self, image: RGBImage) -> list[Detection]:
        """All faces, the largest first, each once."""
        height, width = image.shape[:2]
        shrink = min(1.0, LONGEST_SIDE / max(height, width))
        if shrink < 1:
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        found = [
            Detection(_scaled(raw.box, 1 / shrink), raw.score, raw.eyes / shrink)
            for network in self._networks
            for raw in network.detect(image)
        ]
        return merge(found)

    def close(self) -> None:
        """Frees the networks."""
        for network in self._networks:
            network.close()


def merge(detections: Iterable[Detection]) -> list[Detection]:
    """One detection per face, the surest of it, the largest face first."""
    kept: list[Detection] = []
    for candidate in sorted(detections, key=lambda found: found.score, reverse=True):
        if not any(_same_face(candidate.box, other.box) for other in kept):
            kept.append(candidate)
    return sorted(kept, key=lambda found: found.area, reverse=True)


def _same_face(first: Box, second: Box) -> bool:
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return False
    areas = first[2] * first[3], second[2] * second[3]
    common = width * height
    return common / (sum(areas) - common) > SAME_FACE_OVERLAP or common / min(areas) > SAME_FACE_COVER


def _scaled(box: Box, factor: float) -> Box:
    x, y, width, height = (value * factor for value in box)
    return x, y, width, height
