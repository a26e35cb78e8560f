"""What is measured of a face in one frame: lips, eyes, brows and the pose of the head.

The mesh is laid over the mean face first, so that turning and nodding don't count as expression. Lengths are in
outer-eye-corner distances (E), x to the picture's right, y down; "right" and "left" are the subject's.
"""

from typing import Final

import numpy as np

from spark_avatar.engines.portrait.head import PIVOT_BELOW_EARS
from spark_avatar.face.canonical import canonical_face, euler_angles, fit_canonical
from spark_avatar.face.landmarks import (
    CHIN_POINTS,
    FACE_SIDES,
    INNER_LIP_PAIRS,
    LEFT_EYE,
    LOWER_LIP_PAIRS,
    MOUTH_CORNERS,
    RIGHT_EYE,
    UPPER_LIP_PAIRS,
    EyeLandmarks,
)
from spark_avatar.media.arrays import FloatArray, Points

MEASUREMENTS: Final = (
    "chin", "chin_x", "gap", "width", "upper", "lower", "corner_right", "corner_left", "lips_x", "upper_height", "lower_height",
    "eye_right", "eye_left", "brow_right", "brow_left", "brow_inner", "iris_x", "iris_y",
    "yaw", "pitch", "roll", "x", "y", "scale",
)  # fmt: skip
"""Names of the numbers that `measure` gives: heights (y) of chin, upper lip, lower lip and corners; sideways places of chin and
lips; gap between the inner lips and distance of the corners; visible heights of the lips; how far the eyes are open over their
width; rise of the brows over the eyes; places of the irises in half eye widths; pose, place (pixels) and E (pixels)."""

LIDS: Final = ((2, 2), (4, 4), (6, 6))
"""Points of the upper and lower lid, counted from a corner, between which the eye's opening is measured."""


def measure(landmarks: Points) -> FloatArray:
    """(len(MEASUREMENTS),) of (478, 3) landmarks in pixels."""
    fit = fit_canonical(landmarks)
    face = fit.undo(landmarks)
    pose = euler_angles(fit.rotation)
    pivot = fit.apply(_pivot()[None])[0]
    right, left = MOUTH_CORNERS
    lips = [point for pair in (*UPPER_LIP_PAIRS, *LOWER_LIP_PAIRS) for point in pair]
    found = {
        "chin": face[list(CHIN_POINTS), 1].mean(),
        "chin_x": face[list(CHIN_POINTS), 0].mean(),
        "gap": _distance(face, INNER_LIP_PAIRS),
        "width": _distance(face, (MOUTH_CORNERS,)),
        "upper": face[[0, 37, 267], 1].mean(),
        "lower": face[[17, 84, 314], 1].mean(),
        "corner_right": face[right, 1],
        "corner_left": face[left, 1],
        "lips_x": face[lips, 0].mean(),
        "upper_height": _distance(face, UPPER_LIP_PAIRS),
        "lower_height": _distance(face, LOWER_LIP_PAIRS),
        "eye_right": _openness(face, RIGHT_EYE),
        "eye_left": _openness(face, LEFT_EYE),
        "brow_right": _rise(face, RIGHT_EYE, RIGHT_EYE.brow[:3] + RIGHT_EYE.brow_top[:3]),
        "brow_left": _rise(face, LEFT_EYE, LEFT_EYE.brow[2:] + LEFT_EYE.brow_top[2:]),
        "brow_inner": (_rise(face, RIGHT_EYE, (55, 107)) + _rise(face, LEFT_EYE, (285, 336))) / 2,
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "x": pivot[0],
        "y": pivot[1],
        "scale": fit.scale,
    }
    found["iris_x"], found["iris_y"] = _gaze(face)
    return np.array([found[name] for name in MEASUREMENTS], dtype=np.float32)


def _pivot() -> Points:
    """(3,): what the head turns about, on the mean face."""
    ears: Points = canonical_face().mean[list(FACE_SIDES)].mean(axis=0)
    pivot: Points = ears + np.array([0.0, PIVOT_BELOW_EARS, 0.0])
    return pivot


def _distance(face: Points, pairs: tuple[tuple[int, int], ...]) -> float:
    return float(np.mean([np.linalg.norm(face[a, :2] - face[b, :2]) for a, b in pairs]))


def _openness(face: Points, eye: EyeLandmarks) -> float:
    """Eye aspect ratio (Soukupova and Cech 2016)."""
    lids = np.mean([np.linalg.norm(face[eye.upper[i], :2] - face[eye.lower[j], :2]) for i, j in LIDS])
    return float(lids / _eye_width(face, eye))


def _eye_width(face: Points, eye: EyeLandmarks) -> float:
    return max(float(np.linalg.norm(face[eye.upper[0], :2] - face[eye.upper[-1], :2])), 1e-6)


def _rise(face: Points, eye: EyeLandmarks, brow: tuple[int, ...]) -> float:
    corners = face[[eye.upper[0], eye.upper[-1]], 1].mean()
    return float(corners - face[list(brow), 1].mean())


def _gaze(face: Points) -> tuple[float, float]:
    """Mean of both irises, half eye widths from the middle of the corners, to the right and down."""
    offsets = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        middle = face[[eye.upper[0], eye.upper[-1]], :2].mean(axis=0)
        offsets.append((face[eye.iris[0], :2] - middle) / (_eye_width(face, eye) / 2))
    x, y = np.mean(offsets, axis=0)
    return float(x), float(y)
