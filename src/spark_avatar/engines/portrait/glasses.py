"""Whether somebody wears glasses, where their rims are, and whether eyes are seen through them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.eye_shape import EyeShape
from spark_avatar.engines.portrait.picture_traits import CHEEKS, disc, luma, patch_median
from spark_avatar.face.landmarks import OUTER_EYE_CORNERS
from spark_avatar.media.arrays import FloatArray, RGBImage

Mask = NDArray[np.bool_]

_NASION = 168
_GLASSES = 0.7  # contrast of the darkest line across the nasion: bare 0.2 at most, joined brows 0.46, glasses above 0.7
_WIRE, _FRAME = 0.045, 0.10  # E across at most
_WIRE_DARKNESS, _FRAME_DARKNESS = 0.35, 0.65  # share of the surroundings' brightness
_MARGIN = 0.015  # E, across the margin that is kept around a rim
_SOFT_EDGE = 0.03  # E, across the middle of a rim and its soft edges
_FOREHEAD = (151, 108, 337, 9)
_AROUND_EYES = ((223, 222, 224), (230, 229, 231), (443, 442, 444), (450, 449, 451))
# Around sunglasses 0.35 to 0.42; of 32 faces without them, deep sockets have 0.16 above an eye, and one eye at least 0.57 below.
_LENS = 0.5


def wears_glasses(canvas: Canvas) -> bool:
    """A dark bridge crosses the root of the nose."""
    E = canvas.eye_distance
    x0, y0, x1, y1 = canvas.window
    grey = cv2.GaussianBlur(luma(canvas.base[y0:y1, x0:x1]), (0, 0), max(0.7, 0.008 * E))
    right, left = canvas.points[OUTER_EYE_CORNERS[0], :2], canvas.points[OUTER_EYE_CORNERS[1], :2]
    x, y = (float(v) for v in canvas.points[_NASION, :2])
    upright = cv2.getRotationMatrix2D((x, y), float(np.degrees(np.arctan2(*(left - right)[::-1]))), 1)
    upright = upright + np.array([[0, 0, 0.16 * E - x], [0, 0, 0.22 * E - y]])
    root = cv2.warpAffine(grey, upright, (max(8, int(0.32 * E)), max(8, int(0.40 * E))), borderMode=cv2.BORDER_REPLICATE)
    lines = cv2.morphologyEx(root, cv2.MORPH_BLACKHAT, np.ones((int(0.12 * E) | 1, 1), np.uint8))
    across = lines[:, int(0.10 * E) : int(0.22 * E)].max(0)
    return bool(np.median(across) / max(float(root.mean()), 30.0) > _GLASSES)


def hide_eyes(canvas: Canvas) -> bool:
    """Lenses too dark to look through: above and below both eyes there is no skin as bright as half of the face's."""
    face = min(_brightness(canvas, points) for points in (CHEEKS, _FOREHEAD))
    return all(_brightness(canvas, points) < _LENS * face for points in _AROUND_EYES)


def _brightness(canvas: Canvas, points: tuple[int, ...]) -> float:
    return float(luma(patch_median(canvas, canvas.points[list(points)], 0.02 * canvas.eye_distance)))


def find_rims(patch: RGBImage, shape: EyeShape) -> FloatArray:
    """(h, w), 0..1: dark structures around the eye of somebody who wears glasses; the eye itself left out.

    A rim is thin, or nearly black: shaded lids and bags under the eye are neither. Close to the lids only what goes on from a rim
    further out is one: the rest are lashes.
    """
    E = shape.eye_distance
    grey = luma(patch)
    wire, frame = (_darkness(grey, width * E) for width in (_WIRE, _FRAME))
    v = shape.below_lid
    around = (v < -0.045 * E) | (v > shape.height + 0.035 * E) | (shape.beyond > 0.06 * shape.width)
    near = (v < -0.018 * E) | (v > shape.height + 0.02 * E) | (shape.beyond > 0.0)
    dark = (wire > _WIRE_DARKNESS) | (frame > _FRAME_DARKNESS)
    middle = dark & (around | (near & _continued(dark & near, dark & around, E)))
    beside = cv2.dilate(middle.astype(np.uint8), disc(_SOFT_EDGE * E)) > 0
    rims: FloatArray = (np.clip((frame - 0.22) / 0.15, 0, 1) * (beside & near)).astype(np.float32)
    widened = cv2.dilate(rims, disc(_MARGIN * E))
    return cv2.GaussianBlur(widened, (0, 0), max(0.8, _MARGIN * E / 6)).astype(np.float32, copy=False)


def _darkness(grey: FloatArray, width: float) -> FloatArray:
    """(h, w), 0..1: what structures up to `width` pixels across take of the brightness around them."""
    lines = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, disc(width), borderType=cv2.BORDER_REPLICATE)
    darkness: FloatArray = lines / np.maximum(grey + lines, 20)
    return darkness


def _continued(lines: Mask, rims: Mask, eye_distance: float) -> Mask:
    """The parts of `lines` that hang together with a long piece of `rims`."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rims.astype(np.uint8), connectivity=8)
    longest = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) > 0.12 * eye_distance
    longest[0] = False
    _, joined = cv2.connectedComponents((lines | rims).astype(np.uint8), connectivity=8)
    kept = np.zeros(int(joined.max()) + 1, dtype=bool)
    kept[joined[longest[labels]]] = True
    kept[0] = False
    found: Mask = kept[joined]
    return found
