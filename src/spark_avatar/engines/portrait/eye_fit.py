"""Drawn eyes are larger than any person's: the mesh stops short of them, and this finds how far."""

import cv2
import numpy as np

from spark_avatar.media.arrays import FloatArray, Points, RGBImage

_SCALES = np.arange(1.0, 1.32, 0.03)
_OFFSETS = (0.0, 0.04, 0.08)  # of the eye's width, towards the temple

# Share of the eye's brightness that is lost across its outline. On photos the mesh fits and no larger outline is better;
# on cartoons and some paintings the true outline stands out like this.
_CLEAR_EDGE = 0.12
_BETTER_BY = 0.05


def fit_outline(texture: RGBImage, outline: Points, iris: Points, iris_radius: float, to_temple: Points) -> Points:
    """The outline (n, 2), texture pixels, or a larger one where the picture shows a clear edge there.

    The outline runs around the eye from corner to corner and back; `to_temple` is a unit vector.
    """
    width = float(np.ptp(outline @ to_temple))
    if width < 8:
        return outline
    grey, origin = _surroundings(texture, outline, width)
    dense = _resampled(outline, 120)
    middle = (outline.max(0) + outline.min(0)) / 2
    normals = _outward(dense, middle)
    bright = max(float(np.percentile(grey, 98)), 1.0)

    def clarity(scale: float, offset: float) -> float:
        moved = middle + (dense - middle) * scale + to_temple * (offset * width)
        seen = np.linalg.norm(moved - iris, axis=1) > 1.25 * iris_radius  # the white of the eye, not the iris, ends there
        if seen.sum() < 20:
            return -1.0
        inside = _at(grey, moved - normals * (0.035 * width) - origin)
        outside = _at(grey, moved + normals * (0.035 * width) - origin)
        return float(np.mean((inside - outside)[seen])) / bright

    scores = {(float(scale), offset): clarity(float(scale), offset) for scale in _SCALES for offset in _OFFSETS}
    best = max(scores, key=lambda key: scores[key])
    if scores[best] < _CLEAR_EDGE or scores[best] < scores[1.0, 0.0] + _BETTER_BY:
        return outline
    larger: Points = middle + (outline - middle) * best[0] + to_temple * (best[1] * width)
    return larger


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
