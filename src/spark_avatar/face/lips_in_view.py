"""Whether the lips can be seen: the mesh puts a mouth onto hands, masks and microphones just as surely."""

from typing import Final

import cv2
import numpy as np

from spark_avatar.face.landmarks import CHIN, LOWER_INNER, LOWER_OUTER, UPPER_INNER, UPPER_OUTER
from spark_avatar.media.arrays import FloatArray, Points, RGBImage

COVERED: Final = 1.0
"""Of 28 portraits each has 1.27 or more, five with drawn masks, a hand and a microphone 0 to 0.9. (So has one whose mouth lies in
black shadow.)"""
_COLOUR: Final = 6.0
"""CIE 1976 colour difference between lips and chin: covers have up to 4."""
_LINE: Final = 8.0
"""CIE lightness that the line between the lips is darker than they are: covers have up to 7."""
_SMOOTHING: Final = 0.01
"""E, against grain."""
_MARGIN: Final = 0.05
"""E around lips and chin."""
_MIDDLE: Final = slice(3, 8)
"""Of the eleven landmarks of a lip's edge from corner to corner."""
_STEPS: Final = 40


def lips_in_view(image: RGBImage, landmarks: Points, eye_distance: float) -> float:
    """How well lips stand out, by their colour or by the line between them; below `COVERED` something else is there.

    `landmarks` (478, 3) and `eye_distance` in pixels of the picture.
    """
    corner, lab = _around_mouth(image, landmarks[[*UPPER_OUTER, *LOWER_OUTER, CHIN], :2], eye_distance)
    upper, upper_edge, lower_edge, lower = (
        landmarks[list(chain), :2] - corner for chain in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER)
    )
    to_chin = landmarks[CHIN, :2] - corner - lower[len(lower) // 2]
    chin = np.concatenate([lower[_MIDDLE] + 0.25 * to_chin, lower[_MIDDLE][::-1] + 0.65 * to_chin])
    lips = [_colour(lab, np.concatenate([outer, inner[::-1]])) for outer, inner in ((upper, upper_edge), (lower, lower_edge))]
    difference = float(np.linalg.norm(np.mean(lips, axis=0) - _colour(lab, chin)))
    return max(difference / _COLOUR, _dark_line(lab, upper[_MIDDLE], lower[_MIDDLE]) / _LINE)


def _around_mouth(image: RGBImage, points: Points, eye_distance: float) -> tuple[Points, FloatArray]:
    """The first pixel, x and y, of the picture around some points, and its colours (height, width, 3) in CIE Lab."""
    height, width = image.shape[:2]
    margin = _MARGIN * eye_distance
    x0, y0 = np.clip(np.floor(points.min(axis=0) - margin), 0, [width - 2, height - 2]).astype(int)
    x1, y1 = np.clip(np.ceil(points.max(axis=0) + margin), [x0 + 2, y0 + 2], [width, height]).astype(int)
    smooth = cv2.GaussianBlur(image[y0:y1, x0:x1], (0, 0), max(0.5, _SMOOTHING * eye_distance))
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)
    return np.array([x0, y0], dtype=np.float64), lab


def _colour(lab: FloatArray, polygon: Points) -> FloatArray:
    """Median in a polygon; black where nothing of it lies in the picture."""
    inside = np.zeros(lab.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(polygon).astype(np.int32)], (1,))
    found: FloatArray = np.median(lab[inside > 0], axis=0) if inside.any() else np.zeros(3, np.float32)
    return found


def _dark_line(lab: FloatArray, upper: Points, lower: Points) -> float:
    """Lightness of the darkest place on the way from the upper lip's edge to the lower one's, under the way's median."""
    share = np.linspace(0, 1, _STEPS)[:, None, None]
    x, y = np.moveaxis((upper + (lower - upper) * share).astype(np.float32), -1, 0)
    lightness = cv2.remap(lab[..., 0], np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR)
    return float(np.median(np.median(lightness, axis=0) - np.min(lightness, axis=0)))
