"""From a portrait to a canvas: the size of the video, the part of it that moves, and the texture it is drawn from."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas
from spark_avatar.engines.portrait.sampling import resized
from spark_avatar.face.landmarks import CHIN, FOREHEAD_TOP
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import Matte, Points, RGBImage

RESOLUTIONS: Final = {
    "360p": 360, "480p": 480, "512p": 512, "720p": 720, "1080p": 1080, "1440p": 1440, "2160p": 2160,
}  # fmt: skip
"""Names of resolutions and the length of the video's shorter side."""
SOURCE_SHORT_SIDE: Final = 1080
SOURCE_LONG_SIDE: Final = 1920
LONGEST_SIDE: Final = 4096
SHORTEST_SIDE: Final = 16

BAND: Final = 64
BAND_MARGIN: Final = 4
"""Rows of the frame that are sharpened at once, and rows around them that the smooth corrections reach."""
MOST_CORRECTIONS: Final = 6
"""Exact corrections of the texture: where it is at black or white already, one gives only a part of what is missing."""

# How far from the face, in E, anything moves: sideways (head, hair and shoulders), above the forehead, below the chin.
SIDE_REACH: Final = 1.75
TOP_REACH: Final = 1.6
BOTTOM_REACH: Final = 2.6
WINDOW_STEP: Final = 8
"""The window's sides are multiples of this where the frame allows it: rows stay aligned in memory."""


def frame_size(image_size: tuple[int, int], resolution: str = "source") -> tuple[int, int]:
    """Width and height of the video, both even, for a picture of (width, height).

    "source" keeps the picture's size, shrunk where needed to a short side of at most 1080 and a long side of at most 1920;
    a name of `RESOLUTIONS` sets the short side. The aspect is the picture's own. Raises KeyError for an unknown name.
    """
    width, height = image_size
    short, long = min(width, height), max(width, height)
    if resolution == "source":
        scale = min(1.0, SOURCE_SHORT_SIDE / short, SOURCE_LONG_SIDE / long)
    else:
        scale = min(RESOLUTIONS[resolution] / short, LONGEST_SIDE / long)
    if scale == 1.0:
        return _even_below(width), _even_below(height)
    return _even_nearest(width * scale), _even_nearest(height * scale)


def build_canvas(rig: FaceRig, size: tuple[int, int]) -> Canvas:
    """Places the portrait in a frame of (width, height), as given by `frame_size`.

    An odd row or column is cropped at the bottom or right if the picture keeps its size; otherwise it is resampled to the
    frame, its sides by factors that differ by less than two pixels in the frame.
    """
    image = cropped(rig.image, size)
    scale = np.array([size[0] / image.shape[1], size[1] / image.shape[0]])
    mean_scale = float(np.sqrt(scale[0] * scale[1]))
    points = rig.landmarks.copy()
    points[:, :2] = (points[:, :2] + 0.5) * scale - 0.5
    points[:, 2] *= mean_scale
    eye_distance = rig.eye_distance * mean_scale
    window = _window(points, eye_distance, size)
    base, texture = _pictures(image, size, window)
    points[:, :2] -= window[:2]
    return Canvas(
        base=base,
        window=window,
        texture=texture,
        points=points,
        eye_distance=eye_distance,
        rotation=rig.rotation,
        yaw=rig.pose.yaw,
        native_scale=1.0 / mean_scale,
        grey=bool(np.ptp(texture[::4, ::4].astype(np.int16), axis=2).mean() < GREY_SPREAD),
        matte=None
        if rig.matte is None
        else matte_at(rig.matte, size, image.shape[:2])[window[1] : window[3], window[0] : window[2]].copy(),
    )


GREY_SPREAD: Final = 6.0
"""Mean difference between the strongest and the weakest colour channel under which a picture is black and white."""


def _even_below(side: int) -> int:
    return max(SHORTEST_SIDE, side - side % 2)


def _even_nearest(side: float) -> int:
    return max(SHORTEST_SIDE, 2 * round(side / 2))


def cropped(image: RGBImage, size: tuple[int, int]) -> RGBImage:
    """The picture without the last row or column where those are all that separates it from the frame."""
    width, height = size
    if 0 <= image.shape[1] - width <= 1 and 0 <= image.shape[0] - height <= 1:
        return image[:height, :width]
    return image


def _window(points: Points, eye_distance: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    face = points[:468, :2]
    axis = points[CHIN, :2] - points[FOREHEAD_TOP, :2]
    down = axis / np.linalg.norm(axis)
    # On a tilted head the torso is still below it in the picture, so the reach is taken along the picture's axes, widened
    # towards where the head points.
    lean = abs(float(down[0])) * 0.5
    x0, y0 = face.min(axis=0) - eye_distance * np.array([SIDE_REACH + lean, TOP_REACH])
    x1, y1 = face.max(axis=0) + eye_distance * np.array([SIDE_REACH + lean, BOTTOM_REACH])

    def span(start: float, end: float, side: int) -> tuple[int, int]:
        first = max(0, int(np.floor(start / WINDOW_STEP)) * WINDOW_STEP)
        last = min(side, int(np.ceil(end / WINDOW_STEP)) * WINDOW_STEP)
        return first, last

    (left, right), (top, bottom) = span(x0, x1, size[0]), span(y0, y1, size[1])
    return left, top, right, bottom


def _pictures(image: RGBImage, size: tuple[int, int], window: tuple[int, int, int, int]) -> tuple[RGBImage, RGBImage]:
    """The frame at rest, and the window's texture, whose 2 x 2 blocks average to the frame."""
    x0, y0, x1, y1 = window
    same_size = (image.shape[1], image.shape[0]) == size
    if same_size:
        base = np.ascontiguousarray(image)
        texture = _enlarged_part(image, window)
    else:
        base = _resized(image, size)
        whole = _resized(image, (size[0] * TEXTURE_SCALE, size[1] * TEXTURE_SCALE))
        texture = whole[y0 * TEXTURE_SCALE : y1 * TEXTURE_SCALE, x0 * TEXTURE_SCALE : x1 * TEXTURE_SCALE]
        if size[0] < image.shape[1]:
            texture = _calmed(texture, base[y0:y1, x0:x1])
    return base, _consistent(texture, base[y0:y1, x0:x1])


def _enlarged_part(image: RGBImage, window: tuple[int, int, int, int]) -> RGBImage:
    """A part of the picture at twice its size, as if the whole had been enlarged."""
    margin = 8
    height, width = image.shape[:2]
    x0, y0, x1, y1 = window
    left, top = max(0, x0 - margin), max(0, y0 - margin)
    part = image[top : min(height, y1 + margin), left : min(width, x1 + margin)]
    double = _resized(part, (part.shape[1] * TEXTURE_SCALE, part.shape[0] * TEXTURE_SCALE))
    row, column = (y0 - top) * TEXTURE_SCALE, (x0 - left) * TEXTURE_SCALE
    return double[row : row + (y1 - y0) * TEXTURE_SCALE, column : column + (x1 - x0) * TEXTURE_SCALE]


def _resized(image: RGBImage, size: tuple[int, int]) -> RGBImage:
    shrinks = size[0] <= image.shape[1] and size[1] <= image.shape[0]
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return resized(image, size, kernel)


def _calmed(texture: RGBImage, base: RGBImage) -> RGBImage:
    """The texture with half of the detail that is too fine for the frame.

    All of it would make grain and hair flicker: averaged away at rest, they would stand out by a third more whenever the
    sampling falls on single pixels. None of it would make motion soft.
    """
    smooth = cv2.resize(base, (texture.shape[1], texture.shape[0]), interpolation=cv2.INTER_LANCZOS4)
    return cv2.addWeighted(texture, 0.5, smooth, 0.5, 0).astype(np.uint8, copy=False)


def _consistent(texture: RGBImage, base: RGBImage) -> RGBImage:
    """Sharpens the texture until its 2 x 2 averages give the frame at rest.

    Iterative back-projection (Irani and Peleg, 1991): what the average loses is added back, first smoothly, in the end
    per pixel. Sampling the texture half-way between its pixels, as an unmoved frame does, then returns the picture itself.
    """
    height = base.shape[0]
    sharp = np.empty(texture.shape, dtype=np.uint8)
    # Band by band: all of a large picture at once is slow, and the most memory that a job needs.
    for y0 in range(0, height, BAND):
        y1 = min(y0 + BAND, height)
        top, bottom = max(0, y0 - BAND_MARGIN), min(height, y1 + BAND_MARGIN)
        band = _sharpened(texture[top * TEXTURE_SCALE : bottom * TEXTURE_SCALE], base[top:bottom])
        sharp[y0 * TEXTURE_SCALE : y1 * TEXTURE_SCALE] = band[(y0 - top) * TEXTURE_SCALE : (y1 - top) * TEXTURE_SCALE]
    return sharp


def _sharpened(texture: RGBImage, base: RGBImage) -> NDArray[np.int16]:
    height, width = base.shape[:2]
    wanted, sharp = base.astype(np.int16), texture.astype(np.int16)
    for kernel in (cv2.INTER_LINEAR, cv2.INTER_LINEAR, *[cv2.INTER_NEAREST] * MOST_CORRECTIONS):
        lost = cv2.subtract(wanted, cv2.resize(sharp, (width, height), interpolation=cv2.INTER_AREA))
        if kernel == cv2.INTER_NEAREST and cv2.norm(lost, cv2.NORM_INF) <= 1:
            break
        cv2.add(sharp, cv2.resize(lost, (width * TEXTURE_SCALE, height * TEXTURE_SCALE), interpolation=kernel), dst=sharp)
        np.clip(sharp, 0, 255, out=sharp)
    return sharp


def matte_at(matte: Matte, size: tuple[int, int], image_shape: tuple[int, ...]) -> Matte:
    """A portrait's matte at the size of the frame, for a picture cropped to `image_shape`."""
    part = matte[: image_shape[0], : image_shape[1]]
    if (part.shape[1], part.shape[0]) == size:
        return np.ascontiguousarray(part, dtype=np.float32)
    return resized(part, size, cv2.INTER_AREA if size[0] < part.shape[1] else cv2.INTER_LINEAR)
