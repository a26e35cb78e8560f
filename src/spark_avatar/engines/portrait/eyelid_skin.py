"""The skin of a closed eye: drawn from the skin above and below the eye, because no picture of an open eye shows it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.eye_shape import EyeShape
from spark_avatar.engines.portrait.picture_traits import disc, luma, smoothstep
from spark_avatar.media.arrays import FloatArray, RGBImage

GRAIN_START = 0.05
GRAIN_DEPTH = 0.08
"""E below the lower lid where the skin begins whose grain the lid gets, and how far it goes."""
_GRAIN_SIZE = 0.012  # sigma in E: what is larger is shading
_STRONGEST_GRAIN = 24
_RIM_GONE = 0.1  # share of a rim from which on a pixel says nothing about the skin
_RIM_SPREAD = 0.02  # E
_USUAL_GRAIN = 4  # medians of what it is: lashes, drops and folds are more


@dataclass(frozen=True, eq=False)
class EyelidSkin:
    """What a blink draws with, (h, w[, 3]) over the eye's patch."""

    bare: RGBImage
    """The patch without glasses."""
    plain: RGBImage
    """The patch without glasses, lashes, crease and other thin lines, dark or bright."""
    above: RGBImage
    """Skin of the upper lid, spread over the whole patch."""
    temple: RGBImage
    """The patch where even dense lashes are filled with lid skin: for the outer corner."""
    under: RGBImage
    """Skin below the eye, spread over the whole patch."""
    lashes: FloatArray
    """Brightness against the lid's skin, 0.25..1: dark where lashes are."""
    grain: RGBImage
    """Pores, wrinkles, film grain or brush strokes below the eye, 128 where there are none."""


def take_eyelid_skin(patch: RGBImage, shape: EyeShape, rims: FloatArray | None = None) -> EyelidSkin:
    """Gathers the skin around the eye, never the eyeball nor what `rims` (h, w), 0..1, says is not skin but glasses."""
    E = shape.eye_distance
    grain = _grain(patch, E)
    if rims is not None:
        grain = _without_edges(grain, rims, E)
        patch = _without(patch, rims, E)
    plain = _filtered(_filtered(patch, cv2.MORPH_CLOSE, 0.075 * E), cv2.MORPH_OPEN, 0.03 * E)
    v = shape.below_lid
    upper = (v < -0.035 * E) & (v > -0.8 * shape.reach - 0.02 * E) & (shape.beyond < 0.10 * shape.width)
    lower = (v > shape.height + 0.06 * E) & (v < shape.height + 0.17 * E) & (shape.beyond < 0.05 * shape.width)
    above = _in_colour_of(_spread(patch, upper, 0.055 * E), _spread(plain, upper, 0.055 * E))
    under = _in_colour_of(_spread(patch, lower, 0.055 * E), _spread(plain, lower, 0.055 * E))
    lashes = np.clip(luma(patch) / np.maximum(luma(above), 8), 0.25, 1).astype(np.float32)
    filled = cv2.addWeighted(plain, 0.3, cv2.max(plain, above), 0.7, 0).astype(np.uint8, copy=False)
    return EyelidSkin(patch, plain, above, filled, under, lashes, grain)


def lid_colour(skin: EyelidSkin, mix: FloatArray) -> RGBImage:
    """The upper lid's skin with a share `mix` (h, w), 0..1, of the skin under the eye."""
    return cv2.blendLinear(skin.above, skin.under, 1 - mix, mix).astype(np.uint8, copy=False)


def _in_colour_of(coloured: RGBImage, bright: RGBImage) -> RGBImage:
    """As bright as `bright`, whose channels were filtered each on its own and so ran towards grey, in the skin's own colour."""
    most = 255 / np.maximum(coloured.max(axis=-1), 1)  # brighter than that, it would run towards white
    ratio = np.minimum(luma(bright) / np.maximum(luma(coloured), 1), most).astype(np.float32)
    return cv2.multiply(coloured, cv2.merge([ratio] * 3), dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _without(patch: RGBImage, rims: FloatArray, eye_distance: float) -> RGBImage:
    """The patch with the skin beside the rims spread over them."""
    bare = _spread(patch, rims < _RIM_GONE, _RIM_SPREAD * eye_distance)
    return cv2.blendLinear(bare, patch, rims, 1 - rims).astype(np.uint8, copy=False)


def _without_edges(grain: RGBImage, rims: FloatArray, eye_distance: float) -> RGBImage:
    wide = cv2.GaussianBlur(rims, (0, 0), _GRAIN_SIZE * eye_distance)
    return np.where((wide < _RIM_GONE / 2)[..., None], grain, np.uint8(128))


def _grain(patch: RGBImage, eye_distance: float) -> RGBImage:
    smooth = cv2.GaussianBlur(patch, (0, 0), _GRAIN_SIZE * eye_distance)
    fine = patch.astype(np.int16) - smooth
    most = min(_STRONGEST_GRAIN, 1 + round(_USUAL_GRAIN * float(np.median(np.abs(fine)))))
    fine = np.clip(fine, -most, most)
    return (fine + 128).astype(np.uint8)


def _filtered(image: RGBImage, operation: int, size: float) -> RGBImage:
    return cv2.morphologyEx(image, operation, disc(size), borderType=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _spread(image: RGBImage, where: NDArray[np.bool_], sigma: float) -> RGBImage:
    """Fills the picture from the pixels of `where`: near ones first, far ones where none is near.

    Normalised convolution (Knutsson & Westin, "Normalized and differential convolution", CVPR 1993) at two scales.
    """
    weight = where.astype(np.float32)
    if weight.sum() < 4:
        return image
    step = max(1, int(sigma / 4))
    size = (max(2, image.shape[1] // step), max(2, image.shape[0] // step))
    weight_small = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    carried = cv2.resize(image.astype(np.float32) * weight[..., None], size, interpolation=cv2.INTER_AREA)
    near, far = sigma / step, 3 * sigma / step

    def averaged(s: float) -> tuple[FloatArray, FloatArray]:
        amount = cv2.GaussianBlur(weight_small, (0, 0), s).astype(np.float32, copy=False)
        mean: FloatArray = cv2.GaussianBlur(carried, (0, 0), s) / np.maximum(amount, 1e-5)[..., None]
        return mean, amount

    fine, amount = averaged(near)
    coarse, _ = averaged(far)
    share = smoothstep(amount, 0.0, 0.15)[..., None]
    filled = np.clip(fine * share + coarse * (1 - share) + 0.5, 0, 255).astype(np.uint8)
    return cv2.resize(filled, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
