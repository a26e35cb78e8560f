"""Person or background, for every pixel."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.face.landmarks import FACE_OVAL, NOSE_TIP
from spark_avatar.face.mediapipe_models import SelfieNetwork
from spark_avatar.face.mesh import FaceExtent, face_extent
from spark_avatar.media.arrays import Matte, Points, RGBImage

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1."""

LONGEST_SIDE: Final = 1024
"""Mattes are refined at this size at most; wider pictures get theirs enlarged."""
CLOSE_LOOK: Final = 3.0
"""Side of the closer crop in extents of the face: head and shoulders."""
CLOSE_LOOK_GAIN: Final = 0.9
"""The closer crop is worth its time when it is smaller than this share of the picture."""
CLOSE_LOOK_FEATHER: Final = 0.12
"""Width of the transition at the crop's edge, in its side."""

WIDEST_DOUBT: Final = 0.036
"""Mean width in E of the band where the network is unsure, around head and shoulders. It was 0.007 to 0.024 on 15 portraits,
0.03 in a crowd, and 0.055 on a dark painting that it misread."""
LEAST_FACE_COVER: Final = 0.93
LEAST_BACKGROUND: Final = 0.02
"""Share of head and shoulders' surroundings; with less there is nothing to tell apart."""

GUIDE_RADIUS: Final = 0.06
"""Of the guided filter, in E."""
GUIDE_REGULARISATION: Final = 2e-4


class Matter:
    """Selfie segmentation, made as sharp as the picture by a guided filter (He, Sun and Tang 2013)."""

    def __init__(self) -> None:
        self._network = SelfieNetwork()

    def matte(self, image: RGBImage, landmarks: Points, eye_distance: float) -> Matte | None:
        """Alpha of the person whose face is given, at the size of the picture; None where it cannot be trusted."""
        height, width = image.shape[:2]
        shrink = min(1.0, LONGEST_SIDE / max(height, width))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) if shrink < 1 else image
        points = (landmarks[:, :2] + 0.5) * [size[0] / width, size[1] / height] - 0.5
        scale = eye_distance * shrink
        window = _close_window(face_extent(points), small)
        probability = self._probability(small, window)
        person = _component(probability, points[NOSE_TIP])
        if person is None or not _trustworthy(probability, window, points, scale):
            return None
        alpha = _refine(small, np.where(person, probability, 0).astype(np.float32), scale)
        if shrink == 1:
            return alpha
        return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)

    def close(self) -> None:
        """Frees the network."""
        self._network.close()

    def _probability(self, image: RGBImage, window: Window) -> Matte:
        """The network's answer; around a smaller face a closer look replaces the one at the whole picture."""
        whole = self._network.probability(image)
        x0, y0, x1, y1 = window
        if max(x1 - x0, y1 - y0) > CLOSE_LOOK_GAIN * max(image.shape[:2]):
            return whole
        close = self._network.probability(image[y0:y1, x0:x1])
        weight = _feather(window, image)
        blended = whole.copy()
        blended[y0:y1, x0:x1] = weight * close + (1 - weight) * whole[y0:y1, x0:x1]
        return blended


def _close_window(extent: FaceExtent, image: RGBImage) -> Window:
    """Head and shoulders, inside the picture."""
    height, width = image.shape[:2]
    half = extent.side * CLOSE_LOOK / 2
    # More room below the face than above it: shoulders tell people from their surroundings.
    low = np.clip(np.round(extent.centre - np.array([half, 0.8 * half])), 0, [width - 2, height - 2])
    high = np.clip(np.round(extent.centre + np.array([half, 1.2 * half])), low + 2, [width, height])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _feather(window: Window, image: RGBImage) -> Matte:
    """1 inside the window, falling to 0 at those of its edges that are not edges of the picture."""
    x0, y0, x1, y1 = window
    height, width = image.shape[:2]

    def ramp(length: int, *, open_start: bool, open_end: bool) -> NDArray[np.float32]:
        reach = max(1.0, CLOSE_LOOK_FEATHER * length)
        steps = np.arange(length, dtype=np.float32)
        start = np.clip(steps / reach, 0, 1) if open_start else np.ones(length, np.float32)
        end = np.clip(steps[::-1] / reach, 0, 1) if open_end else np.ones(length, np.float32)
        return np.asarray(start * end, dtype=np.float32)

    across = ramp(x1 - x0, open_start=x0 > 0, open_end=x1 < width)
    down = ramp(y1 - y0, open_start=y0 > 0, open_end=y1 < height)
    return np.asarray(down[:, None] * across[None, :], dtype=np.float32)


def _component(probability: Matte, inside: Points) -> NDArray[np.bool_] | None:
    """The connected person to whom the point belongs; others in the picture are background."""
    _count, labels = cv2.connectedComponents((probability > 0.5).astype(np.uint8))
    height, width = probability.shape
    x, y = np.clip(np.round(inside[:2]), 0, [width - 1, height - 1]).astype(int)
    if labels[y, x] == 0:
        return None
    # The soft rim below one half belongs to the component that it surrounds.
    grown = cv2.dilate((labels == labels[y, x]).astype(np.uint8), np.ones((9, 9), np.uint8))
    others = (labels > 0) & (labels != labels[y, x])
    return np.asarray((grown > 0) & ~others, dtype=np.bool_)


def _trustworthy(probability: Matte, window: Window, points: Points, eye_distance: float) -> bool:
    """Whether the network is sure of the face, and of where head and shoulders end."""
    oval = np.zeros(probability.shape, np.uint8)
    cv2.fillPoly(oval, [np.round(points[list(FACE_OVAL)]).astype(np.int32)], (1,))
    if not oval.any() or probability[oval > 0].mean() < LEAST_FACE_COVER:
        return False
    x0, y0, x1, y1 = window
    near = probability[y0:y1, x0:x1]
    hard = (near > 0.5).astype(np.uint8)
    return 1 - hard.mean() >= LEAST_BACKGROUND and _doubt(near, hard, eye_distance) < WIDEST_DOUBT


def _doubt(probability: Matte, hard: NDArray[np.uint8], eye_distance: float) -> float:
    """Area of the unsure band over the length of the outline, in E."""
    unsure = np.count_nonzero((probability > 0.15) & (probability < 0.85))
    # The gradient marks a pixel on either side of the outline: the band is twice as long as the outline.
    outline = np.count_nonzero(cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    return unsure / max(outline, 1) / eye_distance


def _refine(image: RGBImage, alpha: Matte, eye_distance: float) -> Matte:
    radius = max(4, round(GUIDE_RADIUS * eye_distance))
    guide = image.astype(np.float32) / 255
    refined = cv2.ximgproc.guidedFilter(guide, alpha, radius, GUIDE_REGULARISATION)
    return np.asarray(np.clip(refined, 0, 1), dtype=np.float32)
