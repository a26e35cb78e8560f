"""The person cut out of the picture: how opaque every pixel is, and what colour the person alone has there.

The matte of a segmentation is a soft band that follows heads, not hairs. Within that band the picture's own colours tell more:
a pixel lies somewhere between the colour that the person goes on with and that of the background, and where on the line
between the two is its opacity (Chuang et al., A Bayesian Approach to Digital Matting, 2001; here with one Gaussian a side, and
the matte as the prior). The more both sides vary, a waterfall behind or streaks in the hair, the less that tells, and the more
the matte decides.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.picture_traits import smoothstep
from spark_avatar.engines.portrait.sampling import resized, sample
from spark_avatar.media.arrays import FloatArray, Matte, RGBImage

CLEAR: Final = 0.04
SOLID: Final = 0.97
"""Matte up to which a pixel is background alone, from which on it is the person alone."""
PRIOR: Final = (0.25, 0.93)
"""Matte from where to where the person appears where colours do not tell: the faintest haze would be left hanging."""
PRIOR_SPREAD: Final = 0.25
"""Standard deviation of the matte's opacity."""
LEAST_SPREAD: Final = 10.0
"""Of colours, in levels of 255: sharpening, grain and compression."""
SPREAD_WEIGHT: Final = 3.0
"""How much more a side varies at its edge than in the strip next to it that is looked at."""
FIRM: Final = (0.08, 0.92)
"""Opacity that is taken for none and for all."""
SOLVABLE: Final = (0.3, 0.9)
"""Opacity over which a pixel's own colour takes over from that of its neighbours inside the person."""
NEIGHBOURHOOD: Final = 0.12
"""E around a pixel whose colours are its likes."""
FILL_SIDE: Final = 512
"""Pixels of the longer side at which either side is continued beyond its edge: what comes out is smooth anyway."""
_ROW: Final = 1024
"""Pixels of the band that are looked up in one row: OpenCV takes no rows of millions."""


@dataclass(frozen=True, eq=False)
class CutOut:
    """A person without what is behind."""

    person: RGBImage
    """The person's own colours, which go on smoothly where the person ends."""
    opacity: Matte


def cut_out(picture: RGBImage, matte: Matte, eye_distance: float) -> CutOut:
    """Cuts out the person whose matte, of the picture's size, is given; `eye_distance` in pixels of the picture."""
    solid, clear = matte >= SOLID, matte <= CLEAR
    if not solid.any() or not clear.any():
        return CutOut(picture, matte)
    person, background = _Side(picture, solid, eye_distance), _Side(picture, clear, eye_distance)
    rows, columns = np.nonzero(~(solid | clear))
    pixels = picture[rows, columns].astype(np.float32)
    front, front_spread = person.at(rows, columns)
    back, back_spread = background.at(rows, columns)
    share = _opacity(pixels, matte[rows, columns], (front, front_spread), (back, back_spread))
    own = np.clip((pixels - (1 - share) * back) / np.maximum(share, 0.1), 0, 255)
    trust = smoothstep(share, *SOLVABLE)
    colours = np.where(solid[..., None], picture, person.continued(picture.shape))
    colours[rows, columns] = np.clip(trust * own + (1 - trust) * front + 0.5, 0, 255).astype(np.uint8)
    opacity = solid.astype(np.float32)
    opacity[rows, columns] = share[:, 0]
    return CutOut(colours, opacity)


def _opacity(
    pixels: FloatArray, matte: FloatArray, front: tuple[FloatArray, FloatArray], back: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """(n, 1) for pixels (n, 3): front and back are means and variances, (n, 3) each."""
    prior = smoothstep(matte, *PRIOR)[:, None]
    line = front[0] - back[0]
    length = np.maximum((line * line).sum(axis=1, keepdims=True), 1e-3)
    told = np.clip(((pixels - back[0]) * line).sum(axis=1, keepdims=True) / length, 0, 1)
    variance = ((prior * front[1] + (1 - prior) * back[1]) * line * line).sum(axis=1, keepdims=True) / length
    telling = length / (SPREAD_WEIGHT * variance + LEAST_SPREAD**2)
    opacity: FloatArray = (prior / PRIOR_SPREAD**2 + told * telling) / (1 / PRIOR_SPREAD**2 + telling)
    return smoothstep(opacity, *FIRM).astype(np.float32)


class _Side:
    """The person or the background: its mean colour and how much it varies, continued beyond its edge."""

    def __init__(self, picture: RGBImage, known: NDArray[np.bool_], eye_distance: float) -> None:
        height, width = known.shape
        self._scale = min(1.0, FILL_SIDE / max(height, width))
        size = (max(2, round(width * self._scale)), max(2, round(height * self._scale)))
        small = resized(picture, size, cv2.INTER_AREA).astype(np.float32)
        surely = (resized(known.astype(np.float32), size, cv2.INTER_AREA) > 0.999).astype(np.float32)
        near = (2 * max(2, round(NEIGHBOURHOOD * eye_distance * self._scale)) + 1,) * 2
        counted = np.maximum(cv2.blur(surely, near), 1e-4)[..., None]
        mean = cv2.blur(small * surely[..., None], near) / counted
        self._mean = _fill_smoothly(small, surely)
        self._variance = _fill_smoothly(((small - mean) ** 2).astype(np.float32), surely)

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Mean and variance at n pixels of the picture, (n, 3) each."""
        places = np.stack([columns, rows], axis=1).astype(np.float32)
        places = (places + np.float32(0.5)) * np.float32(self._scale) - np.float32(0.5)
        filled = np.zeros((-(-len(places) // _ROW) * _ROW, 2), np.float32)
        filled[: len(places)] = places
        table = filled.reshape(-1, _ROW, 2)
        mean, variance = (sample(values, table).reshape(-1, 3)[: len(places)] for values in (self._mean, self._variance))
        return mean, variance

    def continued(self, shape: tuple[int, ...]) -> RGBImage:
        """The mean at the size of the picture."""
        return resized(np.clip(self._mean + 0.5, 0, 255).astype(np.uint8), (shape[1], shape[0]))


def _fill_smoothly(values: FloatArray, known: FloatArray) -> FloatArray:
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
    coarse = _fill_smoothly(sums / np.maximum(weight, 1e-6)[..., None], np.minimum(1, weight * 4))
    fill = cv2.GaussianBlur(resized(coarse, (width, height)), (0, 0), 1.0).astype(np.float32, copy=False)
    shares = known[..., None]
    return fill + (values - fill) * shares
