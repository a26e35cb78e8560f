"""What the drawn parts must share with the picture they are put into: brightness scale, softness, a seed of its own."""

import zlib
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas
from spark_avatar.media.arrays import FloatArray, Points, RGBImage

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights of red, green and blue."""

_SHARP_SIGMA = 0.6  # what `blur_sigma` reads on a crisp picture: the pixel itself and the pre-blur against noise
_REBLUR = 2.0
_SOFTEST = 8.0

_PLAIN_SKIN = (50, 280, 101, 330, 151)  # cheeks and forehead
_GRAIN_PATCH = 0.14
_FINE = 0.012  # sigma in E: what is larger is shading
_STRONGEST = 20.0


def luma(rgb: FloatArray | RGBImage) -> FloatArray:
    """(..., 3) RGB to (...) brightness, same scale."""
    grey: FloatArray = np.asarray(rgb, np.float32) @ LUMA_WEIGHTS
    return grey


def blur_sigma(canvas: Canvas) -> float:
    """Gaussian blur of the face's edges beyond a crisp picture's, in output pixels, 0.35..8.

    An enlarged picture, a soft lens and a painting all come out soft; what is drawn into them must be as soft. The
    gradient of an edge falls by a known factor when it is blurred again, which gives the blur it had (Zhuo & Sim,
    "Defocus map estimation from a single image", Pattern Recognition 2011).
    """
    corners = np.stack([canvas.points[:468, :2].min(0), canvas.points[:468, :2].max(0)]) * TEXTURE_SCALE
    height, width = canvas.texture.shape[:2]
    (x0, y0), (x1, y1) = np.clip(corners, 0, [width, height]).astype(int)
    face = canvas.texture[y0:y1, x0:x1]
    if min(face.shape[:2]) < 16:
        return 0.35
    once = cv2.GaussianBlur(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    before, after = _edge_strength(once), _edge_strength(cv2.GaussianBlur(once, (0, 0), _REBLUR))
    strong = before > max(float(np.percentile(before, 95)), 1e-3)
    if not strong.any():
        return _SOFTEST
    ratio = float(np.median(before[strong] / np.maximum(after[strong], 1e-3)))
    sigma = _REBLUR / np.sqrt(max(ratio * ratio - 1, 1e-3)) / TEXTURE_SCALE
    return float(np.clip(np.sqrt(max(sigma**2 - _SHARP_SIGMA**2, 0.0)), 0.35, _SOFTEST))


def skin_grain(canvas: Canvas, shape: tuple[int, int]) -> FloatArray:
    """Grain, noise or brush strokes of the picture, (height, width, 3), mean 0, at the texture's scale: for what is drawn.

    It is what is fine in the plainest of some patches of skin, laid out again and again, mirrored.
    """
    side = max(4, round(_GRAIN_PATCH * canvas.eye_distance * TEXTURE_SCALE))
    height, width = canvas.texture.shape[:2]
    patches = []
    for x, y in (canvas.points[list(_PLAIN_SKIN), :2] * TEXTURE_SCALE).astype(int):
        left, top = np.clip(x - side // 2, 0, max(0, width - side)), np.clip(y - side // 2, 0, max(0, height - side))
        patch = canvas.texture[top : top + side, left : left + side].astype(np.float32)
        patches.append(patch - cv2.GaussianBlur(patch, (0, 0), 0.25 + _FINE * canvas.eye_distance * TEXTURE_SCALE))
    plainest = np.clip(min(patches, key=lambda patch: float(patch.std())), -_STRONGEST, _STRONGEST)
    rows, columns = plainest.shape[:2]
    tiled = np.pad(plainest, ((0, max(0, shape[0] - rows)), (0, max(0, shape[1] - columns)), (0, 0)), mode="symmetric")
    return tiled[: shape[0], : shape[1]]


def picture_seed(canvas: Canvas) -> int:
    """A number that belongs to the picture: the same picture always gets the same random details."""
    return zlib.crc32(np.ascontiguousarray(canvas.texture[::8, ::8]).tobytes())


CHEEKS: Final = (50, 280, 205, 425, 101, 330)
"""Mesh points where the skin's colour is looked at."""


def patch_median(canvas: Canvas, points: Points, radius: float) -> FloatArray:
    """Median colour, (3,) RGB, of squares of `radius` output pixels around `points` (n, 2 or 3; window pixels)."""
    reach = max(1, round(radius * TEXTURE_SCALE))
    height, width = canvas.texture.shape[:2]
    samples = []
    for x, y in (points[:, :2] * TEXTURE_SCALE).astype(int):
        left, top = np.clip(x, reach, width - reach - 1), np.clip(y, reach, height - reach - 1)
        samples.append(canvas.texture[top - reach : top + reach + 1, left - reach : left + reach + 1].reshape(-1, 3))
    median: FloatArray = np.median(np.concatenate(samples), axis=0).astype(np.float32)
    return median


def head_turn(canvas: Canvas) -> float:
    """Angle of the face out of the picture plane, radians, positive to the picture's right, at most 30 degrees."""
    return float(np.arcsin(np.clip(-canvas.rotation[0, 2], -0.5, 0.5)))


def disc(width: float) -> NDArray[np.uint8]:
    """A round structuring element about `width` pixels across, at least 3."""
    side = max(3, round(width)) | 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8, copy=False)


def smoothstep(values: FloatArray, low: float | FloatArray, high: float | FloatArray) -> FloatArray:
    """0 below `low`, 1 above `high`, a cubic with flat ends between."""
    t: FloatArray = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return t * t * (3 - 2 * t)


def _edge_strength(grey: MatLike) -> FloatArray:
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)).astype(np.float32, copy=False)
