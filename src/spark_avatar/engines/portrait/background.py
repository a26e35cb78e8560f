"""The still background: who stands before it, and what it looks like where the person may uncover it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.curves import smoothstep
from spark_avatar.engines.portrait.sampling import mix, resized, sample
from spark_avatar.media.arrays import FloatArray, Matte, RGBImage

WORK_EYE_DISTANCE: Final = 150.0
"""The rim and the hidden background's texture are made at a size where E is at most this: it is soft anyway."""
PERSON: Final = 0.3
"""Matte above which a pixel moves with the person."""
EDGE_DIAMETER: Final = 0.13
LEAST_EDGE_DIAMETER: Final = 11.0
"""Pixels: on small faces too the rim must be wider than the picture is sharp."""
EDGE_BLUR: Final = 0.022
TRUE_PERSON: Final = 0.07
TRUE_PERSON_DIAMETER: Final = 0.030
LEAST_PERSON_DIAMETER: Final = 5.0
OPAQUE: Final = 0.997
PLATE_EYE_DISTANCE: Final = 75.0
"""The hidden background is filled at a size where E is at most this: what comes out is smooth anyway."""
DETAIL_SIZE: Final = 0.10
"""E: what is larger is colour and shade, what is smaller is texture."""
DETAIL_SMOOTHING: Final = 0.02
DETAIL_FADE: Final = (0.35, 0.6)
"""E from the outline to the inside over which the texture ends: nothing uncovers more."""


@dataclass(frozen=True, eq=False)
class Background:
    """What lies behind the person."""

    opacity: FloatArray
    """(height, width) of the window, 0..1: the person with a soft rim of background that moves along. It is 1 over the whole
    person, so that nothing of it is lost at rest."""
    plate: RGBImage | None
    """The window without the person's outline; None for nothing at all: the frames are transparent there."""


def build_background(canvas: Canvas) -> Background | None:
    """Separates person and background; None without a trusted matte."""
    if canvas.matte is None:
        return None
    x0, y0, x1, y1 = canvas.window
    scale = min(1.0, WORK_EYE_DISTANCE / canvas.eye_distance)
    size = (max(2, round(canvas.size[0] * scale)), max(2, round(canvas.size[1] * scale)))
    matte = canvas.matte if scale == 1.0 else resized(canvas.matte, size, cv2.INTER_AREA)
    opacity = resized(_soft_rim(matte, canvas.eye_distance * scale), canvas.size)
    return Background(opacity, _plate(canvas.base[y0:y1, x0:x1], canvas.matte, opacity, canvas.eye_distance))


def _disc(diameter: float) -> cv2.typing.MatLike:
    size = max(3, round(diameter)) | 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _soft_rim(matte: Matte, eye_distance: float) -> FloatArray:
    solid = (matte > PERSON).astype(np.float32)
    grown = cv2.dilate(solid, _disc(max(LEAST_EDGE_DIAMETER, EDGE_DIAMETER * eye_distance)))
    soft = cv2.GaussianBlur(grown, (0, 0), max(1.0, EDGE_BLUR * eye_distance))
    opacity: FloatArray = np.clip((soft - 0.04) / 0.9, 0, 1)
    return opacity


def _plate(picture: RGBImage, matte: Matte, opacity: FloatArray, eye_distance: float) -> RGBImage:
    """The picture with the person filled from the background around it.

    Only the true person is filled (not the rim that moves along), so that the background next to the hair stays sharp; and
    only where the person is drawn fully opaque, so that a person at rest gives the picture itself.
    """
    grown = _disc(max(LEAST_PERSON_DIAMETER, TRUE_PERSON_DIAMETER * eye_distance))
    person = cv2.dilate((matte > TRUE_PERSON).astype(np.uint8), grown).astype(np.uint8, copy=False)
    if person.all():
        return picture.copy()
    scale = min(1.0, PLATE_EYE_DISTANCE / eye_distance)
    size = (max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale)))
    known = (cv2.resize(person * np.uint8(255), size, interpolation=cv2.INTER_AREA) == 0).astype(np.float32)
    filled = fill_smoothly(resized(picture, size, cv2.INTER_AREA).astype(np.float32), known)
    scale = min(1.0, WORK_EYE_DISTANCE / eye_distance)
    size = (max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale)))
    filled = resized(filled, size, cv2.INTER_CUBIC)
    behind = resized(person, size, cv2.INTER_NEAREST)
    filled += _mirrored_detail(resized(picture, size, cv2.INTER_AREA), filled, behind, eye_distance * scale)
    filled = resized(filled, (picture.shape[1], picture.shape[0]), cv2.INTER_CUBIC)
    share = cv2.GaussianBlur(person.astype(np.float32), (0, 0), 1.0) * (opacity > OPAQUE)
    plate = np.empty_like(picture)
    mix(np.clip(filled, 0, 255).astype(np.uint8), picture, (share * 255 + 0.5).astype(np.uint8), plate)
    return plate


def _mirrored_detail(picture: RGBImage, filled: FloatArray, person: NDArray[np.uint8], eye_distance: float) -> FloatArray:
    """(height, width, 3): texture for the smooth fill, that of the background mirrored at the person's outline."""
    height, width = person.shape
    distance, labels = cv2.distanceTransformWithLabels(person, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(person == 0)
    nearest = np.zeros((int(labels.max()) + 1, 2), np.float32)
    nearest[labels[rows, columns]] = np.stack([columns, rows], axis=1)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = 2 * nearest[labels] - np.dstack([x, y])
    places = cv2.GaussianBlur(places, (0, 0), max(1.0, DETAIL_SMOOTHING * eye_distance)).astype(np.float32, copy=False)
    seen = np.where(person[..., None] > 0, filled, picture).astype(np.float32)
    cells = max(2, round(width / (DETAIL_SIZE * eye_distance))), max(2, round(height / (DETAIL_SIZE * eye_distance)))
    detail = seen - resized(resized(seen, cells, cv2.INTER_AREA), (width, height), cv2.INTER_CUBIC)
    share = sample((person == 0).astype(np.float32), places, outside=0)
    share *= (1 - smoothstep(distance / eye_distance, *DETAIL_FADE)).astype(np.float32) * person
    textured: FloatArray = sample(detail, places) * share[..., None]
    return textured


def fill_smoothly(values: FloatArray, known: FloatArray) -> FloatArray:
    """Fills unknown pixels smoothly from the known ones around them (Gortler et al., The Lumigraph, 1996).

    `values` is (height, width, 3), `known` (height, width) with 1 where they hold. Coarser and coarser means of what is known
    fill what finer ones leave open.
    """
    height, width = known.shape
    if min(height, width) <= 2:
        mean = (values * known[..., None]).sum(axis=(0, 1)) / max(float(known.sum()), 1e-6)
        filled: FloatArray = np.where(known[..., None] > 0, values, mean).astype(np.float32)
        return filled
    half = ((width + 1) // 2, (height + 1) // 2)
    weight = resized(known, half, cv2.INTER_AREA)
    sums = resized(values * known[..., None], half, cv2.INTER_AREA)
    coarse = fill_smoothly(sums / np.maximum(weight, 1e-6)[..., None], np.minimum(1, weight * 4))
    fill = cv2.GaussianBlur(resized(coarse, (width, height)), (0, 0), 1.0).astype(np.float32, copy=False)
    shares = known[..., None]
    return fill + (values - fill) * shares
