"""The picture with what was found in it drawn on top."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from spark_avatar.face.landmarks import (
    FACE_OVAL,
    LEFT_EYE,
    LOWER_INNER,
    LOWER_OUTER,
    NOSE_TIP,
    RIGHT_EYE,
    SKIN_POINT_COUNT,
    UPPER_INNER,
    UPPER_OUTER,
)
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import Points, RGBImage

Colour = tuple[int, int, int]

POINT: Final[Colour] = (255, 255, 255)
OUTLINE: Final[Colour] = (90, 200, 255)
LIPS: Final[Colour] = (255, 90, 120)
EYES: Final[Colour] = (120, 255, 140)
BOX: Final[Colour] = (255, 200, 60)
AXES: Final[tuple[Colour, Colour, Colour]] = ((255, 70, 70), (70, 230, 70), (80, 120, 255))
"""To the subject's left, down, and out of the face."""

_FRACTION_BITS: Final = 4
"""OpenCV draws at sixteenths of a pixel."""
_AXIS_LENGTH: Final = 0.7
"""In E."""


def draw_mesh(image: RGBImage, rig: FaceRig) -> RGBImage:
    """A copy of the picture with the face's box, points, contours, irises and the axes of the head.

    `image` has the size of `rig.image`.
    """
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(1, round(rig.eye_distance / 110))
    _draw_box(canvas, rig, thickness)
    _draw_points(canvas, rig, max(0.6, rig.eye_distance / 220))
    _draw_contours(canvas, rig, thickness)
    _draw_axes(canvas, rig, thickness)
    return canvas


def _draw_box(canvas: RGBImage, rig: FaceRig, thickness: int) -> None:
    x, y, width, height = rig.diagnostics.box
    cv2.rectangle(canvas, _fixed((x, y)), _fixed((x + width, y + height)), BOX, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _draw_points(canvas: RGBImage, rig: FaceRig, radius: float) -> None:
    for point in rig.landmarks[:SKIN_POINT_COUNT]:
        _dot(canvas, point, radius, POINT)


def _draw_contours(canvas: RGBImage, rig: FaceRig, thickness: int) -> None:
    points = rig.landmarks
    _line(canvas, points[list(FACE_OVAL)], OUTLINE, thickness, closed=True)
    for chain in (UPPER_OUTER, LOWER_OUTER, UPPER_INNER, LOWER_INNER):
        _line(canvas, points[list(chain)], LIPS, thickness)
    for eye in (RIGHT_EYE, LEFT_EYE):
        for chain in (eye.upper, eye.lower, eye.brow, eye.brow_top):
            _line(canvas, points[list(chain)], EYES, thickness)
        _line(canvas, points[list(eye.iris[1:])], EYES, thickness, closed=True)
        _dot(canvas, points[eye.iris[0]], 1.5 * thickness, EYES)


def _draw_axes(canvas: RGBImage, rig: FaceRig, thickness: int) -> None:
    origin = rig.landmarks[NOSE_TIP]
    out_of_the_face = np.array([1.0, 1.0, -1.0])
    for axis, (direction, colour) in enumerate(zip(out_of_the_face, AXES, strict=True)):
        tip = origin + _AXIS_LENGTH * rig.eye_distance * direction * rig.rotation[:, axis]
        cv2.line(canvas, _fixed(origin), _fixed(tip), colour, 2 * thickness, cv2.LINE_AA, _FRACTION_BITS)


def _line(canvas: RGBImage, points: Points, colour: Colour, thickness: int, *, closed: bool = False) -> None:
    chain = np.round(points[:, :2] * 2**_FRACTION_BITS).astype(np.int32)
    cv2.polylines(canvas, [chain], closed, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _dot(canvas: RGBImage, centre: Points, radius: float, colour: Colour) -> None:
    cv2.circle(canvas, _fixed(centre), round(radius * 2**_FRACTION_BITS), colour, -1, cv2.LINE_AA, _FRACTION_BITS)


def _fixed(point: Points | Sequence[float]) -> tuple[int, int]:
    x, y = (round(float(value) * 2**_FRACTION_BITS) for value in point[:2])
    return x, y
