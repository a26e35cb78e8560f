"""Drawn eyes are larger than any person's: the mesh stops short of them, and this finds how far."""

from itertools import product

import cv2
import numpy as np

from spark_avatar.media.arrays import FloatArray, Points, RGBImage

_SCALES = np.arange(1.0, 1.32, 0.03)
_OFFSETS = (0.0, 0.04, 0.08)  # of the eye's width, towards the temple

# Share of the eye's brightness that is lost across its outline, and how much more that must be than on the mesh's outline.
# On photos the mesh fits and no larger outline is better; on cartoons and some paintings the true outline stands out so.
_CLEAR_EDGE, _BETTER_BY = 0.12, 0.05
_VERY_CLEAR_EDGE = 0.20  # no photo has it


PHOTO_OVERSHOOT = 0.03
DRAWN_OVERSHOOT = 0.085
DRAWN_CORNERS = 0.08  # drawn eyes are round at the corners, where the mesh's outline is pointed: so much wider it holds them


def fit_outline(texture: RGBImage, outline: Points, iris: Points, iris_radius: float, to_temple: Points) -> tuple[Points, float]:
    """The outline (n, 2), texture pixels, or a larger one where the picture shows a clear edge there.

    Also how far, in eye widths, the real lower lid still lies below it: landmarks run a little inside the lid of a photo,
    and well inside the line around a drawn eye.

    The outline runs around the eye from corner to corner and back; `to_temple` is a unit vector.
    """
    width = float(np.ptp(outline @ to_temple))
    if width < 8:
        return outline, PHOTO_OVERSHOOT
    grey, origin = _surroundings(texture, outline, width)
    dense = _resampled(outline, 120)
    middle = (outline.max(0) + outline.min(0)) / 2
    normals = _outward(dense, middle)
    bright = max(float(np.percentile(grey, 98)), 1.0)

    def placed(points: Points, scale: float, offset: float) -> Points:
        larger: Points = middle + (points - middle) * scale + to_temple * (offset * width)
        return larger

    def clarity(scale: float, offset: float) -> float:
        moved = placed(dense, scale, offset)
        seen = np.linalg.norm(moved - iris, axis=1) > 1.25 * iris_radius  # the white of the eye, not the iris, ends there
        if seen.sum() < 20:
            return -1.0
        inside = _at(grey, moved - normals * (0.035 * width) - origin)
        outside = _at(grey, moved + normals * (0.035 * width) - origin)
        return float(np.mean((inside - outside)[seen])) / bright

    tries = [(float(scale), offset) for scale, offset in product(_SCALES, _OFFSETS)]
    scores = [clarity(*place) for place in tries]
    best = int(np.argmax(scores))
    if scores[best] > _VERY_CLEAR_EDGE:
        found = placed(outline, *tries[best])
        return found + DRAWN_CORNERS * ((found - found.mean(0)) @ to_temple)[:, None] * to_temple, DRAWN_OVERSHOOT
    if scores[best] > _CLEAR_EDGE and scores[best] > scores[0] + _BETTER_BY:
        return placed(outline, *tries[best]), PHOTO_OVERSHOOT
    return outline, PHOTO_OVERSHOOT


def _surroundings(texture: RGBImage, outline: Points, width: float) -> tuple[FloatArray, Points]:
    """Smoothed brightness around the eye, and the texture position of its corner."""
    height, full = texture.shape[:2]
    x0, y0 = np.clip(outline.min(0) - 0.4 * width, 0, [full - 2, height - 2]).astype(int)
    x1, y1 = np.clip(outline.max(0) + 0.4 * width, [x0 + 2, y0 + 2], [full, height]).astype(int)
    grey = cv2.cvtColor(texture[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.8, 0.015 * width)).astype(np.float32, copy=False)
    return smooth, np.array([x0, y0], float)


def _resampled(outline: Points, count: int) -> Points:
    closed = np.concatenate([outline, outline[:1]])
    at = np.linspace(0, len(outline), count, endpoint=False)
    dense: Points = np.stack([np.interp(at, np.arange(len(closed)), closed[:, axis]) for axis in (0, 1)], axis=1)
    return dense


def _outward(dense: Points, middle: Points) -> Points:
    along = np.roll(dense, -2, axis=0) - np.roll(dense, 2, axis=0)
    normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-6)
    outward: Points = normals * np.where(((dense - middle) * normals).sum(1, keepdims=True) < 0, -1, 1)
    return outward


def _at(grey: FloatArray, points: Points) -> FloatArray:
    x, y = points.astype(np.float32).T
    values = cv2.remap(grey, x[None].copy(), y[None].copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row: FloatArray = values[0]
    return row
