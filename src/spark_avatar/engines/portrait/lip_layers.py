"""The two layers of the mouth: where the upper one is cut out, and the lower lip with its soft edges."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas, MouthFrame
from spark_avatar.engines.portrait.curves import curve_through, smoothstep
from spark_avatar.face.landmarks import LOWER_OUTER
from spark_avatar.media.arrays import FloatArray

EDGE: Final = 1.2
"""Output pixels over which the lips' edges are anti-aliased."""
OVERLAP: Final = 0.8
"""Output pixels by which the upper layer overlaps closed lips: no crack shows between them."""
CORNER_OVERLAP: Final = 1.8
CORNERS: Final = (0.5, 0.85)
"""The same in a portrait whose mouth is open, and the shares of the way to the corner over which it sets in: once these lips
come together a black line would run on beside them."""
REACH_SIDE: Final = 0.62
REACH_BELOW: Final = 0.72


@dataclass(frozen=True, eq=False)
class LipLayers:
    """Masks in the portrait, at texture resolution, that are warped with the layers."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in texture pixels."""
    cover: NDArray[np.uint8]
    """(height, width): 255 where the upper layer is, 0 in the mouth's opening."""
    lower: NDArray[np.uint8]
    """(height, width, 4): the lower lip and a strip of chin, RGB and opacity."""


def build_lip_layers(canvas: Canvas, mouth: MouthFrame) -> LipLayers:
    """Cuts the portrait's mouth into its two layers."""
    box = _texture_box(canvas, mouth)
    x0, y0, x1, y1 = box
    columns = (np.arange(x0, x1) + 0.5) / TEXTURE_SCALE - 0.5 - mouth.centre[0]
    rows = (np.arange(y0, y1) + 0.5) / TEXTURE_SCALE - 0.5 - mouth.centre[1]
    a = columns * mouth.across[0] + rows[:, None] * mouth.across[1]
    b = columns * mouth.down[0] + rows[:, None] * mouth.down[1]
    eye_distance, half_width = canvas.eye_distance, mouth.width / 2
    upper_b, lower_b = np.interp(a, mouth.line_a, mouth.upper_b), np.interp(a, mouth.line_a, mouth.lower_b)
    outer = curve_through(mouth.to_mouth(canvas.points[list(LOWER_OUTER)]), mouth.line_a)
    outer_b = np.interp(a, mouth.line_a, outer)
    beyond, beyond_inner = np.abs(a) - half_width, np.abs(a) - mouth.inner_half_width
    lip_height = np.interp(np.abs(a), [0, half_width], [0.10 * eye_distance, 0.05 * eye_distance])

    overlap = OVERLAP if not mouth.is_open else CORNER_OVERLAP * smoothstep(np.abs(a) / half_width, *CORNERS)
    under_upper = np.clip((b - upper_b - overlap) / EDGE + 0.5, 0, 1)
    above_outer = np.clip((outer_b + 0.3 * lip_height - b) / 2 + 0.5, 0, 1)
    between_corners = np.clip(0.3 - (0.45 * beyond_inner + 0.55 * beyond) / (0.02 * eye_distance), 0, 1)
    cover = 1 - under_upper * above_outer * between_corners

    under_lower = np.clip((b - lower_b) / EDGE + 0.5, 0, 1)
    chin_fade = 1 - smoothstep((b - outer_b) / lip_height, 0.7, 1.8)
    corner_fade = 1 - smoothstep(beyond / eye_distance, -0.012, 0.035)
    opacity = under_lower * chin_fade * corner_fade
    return LipLayers(box, _byte(cover), np.dstack([canvas.texture[y0:y1, x0:x1], _byte(opacity)]))


def _texture_box(canvas: Canvas, mouth: MouthFrame) -> tuple[int, int, int, int]:
    width, height = canvas.size
    reach = canvas.eye_distance * REACH_SIDE
    x0, y0 = np.floor(mouth.centre - reach).astype(int)
    x1 = int(np.ceil(mouth.centre[0] + reach))
    y1 = int(np.ceil(mouth.centre[1] + canvas.eye_distance * REACH_BELOW))
    box = max(0, int(x0)), max(0, int(y0)), min(width, x1), min(height, y1)
    return box[0] * TEXTURE_SCALE, box[1] * TEXTURE_SCALE, box[2] * TEXTURE_SCALE, box[3] * TEXTURE_SCALE


def _byte(share: FloatArray | NDArray[np.float64]) -> NDArray[np.uint8]:
    return (share * 255 + 0.5).astype(np.uint8)
