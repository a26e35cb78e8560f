"""Light on lips that are pushed forward or pressed together: what a flat picture cannot show by moving its pixels.

Factors of brightness, laid over the portrait once and warped with its two layers. They suppose light from above, as in
nearly every portrait.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas, MouthFrame
from spark_avatar.engines.portrait.curves import Array, curve_through, smoothstep
from spark_avatar.engines.portrait.picture_traits import luma
from spark_avatar.engines.portrait.sampling import mix, sample, split
from spark_avatar.face.landmarks import LOWER_OUTER, UPPER_OUTER
from spark_avatar.media.arrays import FloatArray, RGBImage

REACH_SIDE: Final = 0.48
REACH_UP: Final = 0.30
REACH_DOWN: Final = 0.42
"""E around the mouth's centre where anything is shaded."""
LEAST: Final = 0.02
"""Protrusion and pressure under which nothing is seen."""
NO_LINE_FROM: Final = 0.12
WHISKER: Final = 0.11
"""E: dark lines narrower than this beside the corners are the closed lips' line, and go when the lips are pushed forward."""


@dataclass(frozen=True, eq=False)
class MouthRelief:
    """Shading of the portrait's mouth."""

    corner: FloatArray
    """(2,): window pixel of the first element."""
    fields: FloatArray
    """(height, width, 2): what full protrusion and full pressure add to a brightness of 1; 0 at the border."""
    skin: RGBImage
    """(height, width, 4): skin, and where it replaces the line of the lips beside the corners at full protrusion, 0..255."""

    def shade(self, picture: RGBImage, places: FloatArray, protrusion: float, press: float, opening: float = 0.0) -> None:
        """Shades a warped picture (height, width, 3) in place.

        `places` (height, width, 2) are the texture positions that its pixels come from; the two strengths are 0..1,
        `opening` is the gap between the lips in E: open lips have no closed line beside them.
        """
        if max(protrusion, press) < LEAST:
            return
        scale = np.float32(1 / TEXTURE_SCALE)
        here = places * scale + (np.float32(0.5) * scale - np.float32(0.5) - self.corner)
        added = cv2.transform(sample(self.fields, here, outside=0), np.array([[protrusion, press]] * 3, np.float32))
        cv2.multiply(picture, added + np.float32(1), dst=picture, dtype=cv2.CV_8U)
        replaced = protrusion * max(0.0, 1 - opening / NO_LINE_FROM)
        if replaced > LEAST:
            skin, opacity = split(sample(self.skin, here, outside=0))
            mix(skin, picture, cv2.convertScaleAbs(opacity, alpha=replaced).astype(np.uint8, copy=False), picture)


def build_relief(canvas: Canvas, mouth: MouthFrame) -> MouthRelief:
    """Shapes the shading to this portrait's lips."""
    eye_distance, (width, height) = canvas.eye_distance, canvas.size
    low = np.maximum(np.floor(mouth.centre - np.array([REACH_SIDE, REACH_UP]) * eye_distance), 0).astype(int)
    high = np.minimum(np.ceil(mouth.centre + np.array([REACH_SIDE, REACH_DOWN]) * eye_distance), [width, height]).astype(int)
    x, y = np.meshgrid(np.arange(low[0], high[0]) - mouth.centre[0], np.arange(low[1], high[1]) - mouth.centre[1])
    a, b = x * mouth.across[0] + y * mouth.across[1], x * mouth.down[0] + y * mouth.down[1]
    left, top, *_ = canvas.window
    picture = canvas.base[top + low[1] : top + high[1], left + low[0] : left + high[0]]
    lips = _LipCoordinates(canvas, mouth, a, b)
    fields = np.dstack([lips.forward(), lips.pressed()]) * _inside(a, b, eye_distance)[..., None]
    return MouthRelief(low.astype(np.float32), np.ascontiguousarray(fields, dtype=np.float32), lips.beside_corners(picture))


class _LipCoordinates:
    """How pixels at mouth coordinates `a`, `b` lie to the lips."""

    def __init__(self, canvas: Canvas, mouth: MouthFrame, a: Array, b: Array) -> None:
        self._eye_distance = canvas.eye_distance
        self.across: Array = a / (mouth.width / 2)
        """-1 and 1 at the corners."""
        upper, lower = np.interp(a, mouth.line_a, mouth.upper_b), np.interp(a, mouth.line_a, mouth.lower_b)
        self.from_line: Array = (b - (upper + lower) / 2) / canvas.eye_distance
        """E below the line where the lips meet."""
        above, below = (
            np.interp(a, mouth.line_a, curve_through(mouth.to_mouth(canvas.points[list(chain)]), mouth.line_a))
            for chain in (UPPER_OUTER, LOWER_OUTER)
        )
        least = 0.02 * canvas.eye_distance
        self.up: Array = (upper - b) / np.maximum(upper - above, least)
        """0 at the upper lip's lower edge, 1 at its upper one."""
        self.down: Array = (b - lower) / np.maximum(below - lower, least)
        """0 at the lower lip's upper edge, 1 at its lower one."""

    def forward(self) -> Array:
        """The lower lip catches light from above and shades the chin; the upper lip's border stands out over its underside."""
        lit = 0.17 * _hill(self.down, 0.36, 0.24) * _hill(self.across, 0, 0.45)
        shaded = 0.15 * _hill(self.down, 1.22, 0.24) * _hill(self.across, 0, 0.65)
        border = 0.08 * _hill(self.up, 0.85, 0.25) * _hill(self.across, 0, 0.5)
        underside = 0.05 * _hill(self.up, 0.15, 0.25) * _hill(self.across, 0, 0.7)
        total: Array = lit - shaded + border - underside
        return total

    def beside_corners(self, picture: RGBImage) -> RGBImage:
        """(height, width, 4): the picture without thin dark lines, and where such a line lies beside the corners, 0..255."""
        size = max(3, round(WHISKER * self._eye_distance)) | 1
        plain = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        plain = cv2.GaussianBlur(plain, (0, 0), 0.15 * size)
        darker = smoothstep(luma(plain.astype(np.uint8, copy=False)) / np.maximum(luma(picture), 8) - 1, 0.04, 0.25)
        beside = smoothstep(np.abs(self.across), 0.72, 0.92) * (1 - smoothstep(np.abs(self.across), 1.15, 1.45))
        found = cv2.GaussianBlur(darker * beside * _hill(self.from_line, 0, 0.035), (0, 0), 0.08 * size)
        return np.dstack([plain, np.clip(found * 255 + 0.5, 0, 255).astype(np.uint8)])

    def pressed(self) -> Array:
        """A sharper line between the lips, the skin around them pushed out."""
        within = 1 - smoothstep(np.abs(self.across), 0.75, 1.05)
        line = 0.28 * _hill(self.from_line, 0, 0.014) * within
        around = 0.07 * (_hill(self.up, 1.45, 0.3) + _hill(self.down, 1.35, 0.25)) * within
        hollow = 0.08 * _hill(self.down, 2.0, 0.3) * _hill(self.across, 0, 0.6)
        total: Array = around - line - hollow
        return total


def _hill(value: Array, middle: float, width: float) -> Array:
    hill: Array = np.exp(-(((value - middle) / width) ** 2))
    return hill


def _inside(a: Array, b: Array, eye_distance: float) -> Array:
    """1 around the mouth, 0 at the reach's border."""
    side = 1 - smoothstep(np.abs(a) / eye_distance, 0.7 * REACH_SIDE, 0.95 * REACH_SIDE)
    return (
        side
        * smoothstep(b / eye_distance, -0.9 * REACH_UP, -0.5 * REACH_UP)
        * (1 - smoothstep(b / eye_distance, 0.6 * REACH_DOWN, 0.9 * REACH_DOWN))
    )
