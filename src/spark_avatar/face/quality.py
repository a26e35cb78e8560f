"""What makes a portrait worse than it could be."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from spark_avatar.face.lips_in_view import COVERED
from spark_avatar.face.rig import FaceDiagnostics
from spark_avatar.media.arrays import RGBImage
from spark_avatar.media.quality import QualityWarning

SMALL_SHARE: Final = 0.2
"""Height of the face over that of the picture."""
SMALL_EYE_DISTANCE: Final = 50.0
"""Pixels: below it, a face fills a 512 pixel frame only by being enlarged three times."""
FRONTAL_YAW: Final = 20.0
FRONTAL_PITCH: Final = 20.0
UPRIGHT_ROLL: Final = 30.0
LOW_RESOLUTION: Final = 256
"""Pixels of the shorter side."""
CUT_OFF: Final = 0.03
"""Share of the face's box beyond the picture."""
DARK: Final = 75.0
"""Brightness, 0..255, that the lightest fiftieth of a face should have; highlights on dark skin reach it too."""


def portrait_warnings(face: FaceDiagnostics, *, width: int, height: int, light: float, lips: float) -> tuple[QualityWarning, ...]:
    """All that is worth telling, in a fixed order; `width` and `height` of the picture in pixels, `light` as of `face_light`,
    `lips` as of `lips_in_view`.
    """
    found = (
        *_several(face),
        *_small(face),
        *_not_frontal(face),
        *_cut_off(face, width, height),
        *(_dark(light) if light < DARK else _covered(lips)),
        *_low_resolution(width, height),
    )
    return tuple(QualityWarning(code, message) for code, message in found)


def face_light(image: RGBImage, box: tuple[float, float, float, float]) -> float:
    """Brightness, 0..255, of the lightest fiftieth of the face in `box` (x, y, width, height; pixels)."""
    x, y, width, height = (int(value) for value in box)
    face = image[max(0, y) : y + height + 1, max(0, x) : x + width + 1]
    return float(np.percentile(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), 98)) if face.size else 0.0


_Found = Iterator[tuple[str, str]]


def _several(face: FaceDiagnostics) -> _Found:
    if face.faces > 1:
        yield "several_faces", f"At least {face.faces} faces were found; the largest is animated. Crop the picture to one person."


def _small(face: FaceDiagnostics) -> _Found:
    if face.face_share < SMALL_SHARE or face.eye_distance < SMALL_EYE_DISTANCE:
        yield (
            "face_small",
            f"The face takes up {face.face_share:.0%} of the picture's height, with {face.eye_distance:.0f} pixels between the "
            f"outer corners of the eyes; from {SMALL_SHARE:.0%} and {SMALL_EYE_DISTANCE:.0f} pixels on the result is better. "
            "Use a closer or larger picture.",
        )


def _not_frontal(face: FaceDiagnostics) -> _Found:
    pose = face.pose
    if abs(pose.yaw) > FRONTAL_YAW or abs(pose.pitch) > FRONTAL_PITCH or abs(pose.roll) > UPRIGHT_ROLL:
        yield (
            "face_not_frontal",
            f"The head is turned {pose.yaw:+.0f}, nodded {pose.pitch:+.0f} and tilted {pose.roll:+.0f} degrees; up to "
            f"{FRONTAL_YAW:.0f}, {FRONTAL_PITCH:.0f} and {UPRIGHT_ROLL:.0f} look best. Use a picture from the front.",
        )


def _cut_off(face: FaceDiagnostics, width: int, height: int) -> _Found:
    x, y, w, h = face.box
    beyond = max(-x / w, -y / h, (x + w - width) / w, (y + h - height) / h)
    if beyond > CUT_OFF:
        yield (
            "face_cut_off",
            f"The face is cut off: {beyond:.0%} of it lies beyond the edge of the picture. Use a picture with some room "
            "around the head.",
        )


def _dark(light: float) -> _Found:
    yield (
        "image_dark",
        f"The lightest parts of the face have a brightness of {light:.0f} of 255; from {DARK:.0f} on eyes and mouth look "
        "better. Use a picture with more light, or brighten this one.",
    )


def _covered(lips: float) -> _Found:
    if lips < COVERED:
        yield (
            "mouth_covered",
            "Where the mouth should be no lips are seen: a hand, a mask or a microphone may be in front of it, and a mouth will "
            "open on it. Use a picture that shows the mouth.",
        )


def _low_resolution(width: int, height: int) -> _Found:
    if min(width, height) < LOW_RESOLUTION:
        yield (
            "image_low_resolution",
            f"The picture has {width} x {height} pixels; from {LOW_RESOLUTION} on the shorter side the result is sharper.",
        )
