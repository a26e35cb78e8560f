"""Sampling and mixing of pictures with OpenCV, typed."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import FloatArray, RGBImage

Bytes = NDArray[np.uint8]
Picture = TypeVar("Picture", Bytes, FloatArray)


def sample(picture: Picture, places: FloatArray, out: Picture | None = None, outside: int | None = None) -> Picture:
    """Bilinear samples of a picture at (height, width, 2) places, x and y in pixels; OpenCV rounds them to 1/32.

    Beyond the border lies `outside`, or the border's own value. The result goes into `out` if given.
    """
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    fill = [0.0 if outside is None else float(outside)] * 4
    sampled: Picture = cv2.remap(  # type: ignore[call-overload]  # the stubs don't know that one map may hold x and y
        picture, places, None, cv2.INTER_LINEAR, dst=out, borderMode=border, borderValue=fill
    )
    return sampled


def mix(over: RGBImage, under: RGBImage, opacity: Bytes, out: RGBImage) -> None:
    """Lays a picture over another, both (height, width, 3), with opacity (height, width), 0..255; `out` may be either."""
    front = cv2.multiply(over, cv2.merge([opacity] * 3), scale=1 / 255)
    back = cv2.multiply(under, cv2.merge([cv2.bitwise_not(opacity)] * 3), scale=1 / 255)
    cv2.add(front, back, dst=out)


def lay_over(cut_out: Bytes, under: RGBImage, out: RGBImage) -> None:
    """Lays a cut-out over a picture: (height, width, 4), colour times opacity and 255 minus opacity."""
    clear = cv2.extractChannel(cut_out, 3)
    back = cv2.multiply(under, cv2.merge([clear] * 3), scale=1 / 255)
    cv2.add(cv2.cvtColor(cut_out, cv2.COLOR_RGBA2RGB), back, dst=out)


def resized(picture: Picture, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> Picture:
    """A picture at (width, height)."""
    result: Picture = cv2.resize(picture, size, interpolation=interpolation).astype(picture.dtype, copy=False)
    return result


def split(cut_out: Bytes) -> tuple[RGBImage, Bytes]:
    """(height, width, 4) to its colour and its opacity."""
    colour: RGBImage = cv2.cvtColor(cut_out, cv2.COLOR_RGBA2RGB).astype(np.uint8, copy=False)
    opacity: Bytes = cv2.extractChannel(cut_out, 3).astype(np.uint8, copy=False)
    return colour, opacity
