"""A line of text in the corner of a picture, legible at any size."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from spark_avatar.errors import ConfigurationError
from spark_avatar.media.arrays import Box, FloatArray, RGBAImage, RGBImage

_HEIGHT: Final = 0.05
"""Font size over the picture's shorter side."""
_SMALLEST: Final = 10
"""Pixels; below it letters run together."""
_PADDING: Final = 0.45
"""Around the text, and between the plate and the picture's edge, in font sizes."""
_WIDEST: Final = 0.94
"""Of the picture's width, plate included; a longer text is set smaller."""
_PLATE: Final = 0.6
"""Opacity of the black plate: white letters on it keep a contrast of 4.5 (WCAG 2.2, 1.4.3) over any picture."""


class Caption:
    """White letters on a dark plate in the upper left corner."""

    def __init__(self, text: str, font: Path | None = None) -> None:
        """By default in Pillow's own font, which has the letters of ASCII. Raises `ConfigurationError` for a font that
        cannot be read, or that lacks a letter of the text.
        """
        self._text = text
        self._font = font
        missing = _missing(text, font)
        if missing:
            raise ConfigurationError(
                f"the label's font has no {missing!r}: name a font file that has it (SPARK_AVATAR_PROVENANCE_LABEL_FONT)"
            )

    def draw(self, picture: RGBImage | RGBAImage) -> None:
        """Draws onto a picture, (height, width, 3), in place; on a transparent one, (height, width, 4), the plate is opaque, so
        that it shows before anything.
        """
        height, width = picture.shape[:2]
        self.draw_part(picture, (0, 0, width, height), (width, height))

    def draw_part(self, part: RGBImage | RGBAImage, box: Box, size: tuple[int, int]) -> None:
        """Draws what of it falls into a box of a picture of (width, height), onto the pixels of that box."""
        top, left, colour, opacity = _plate(self._text, self._font, *size)
        rows, columns = opacity.shape[:2]
        x0, y0 = max(left, box[0]), max(top, box[1])
        x1, y1 = max(x0, min(left + columns, box[2])), max(y0, min(top + rows, box[3]))
        plate = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        under = part[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]]
        under[..., :3] = np.rint(under[..., :3] * (1 - opacity[plate]) + colour[plate])
        under[..., 3:] = 255


@lru_cache(maxsize=4)
def _plate(text: str, font: Path | None, width: int, height: int) -> tuple[int, int, FloatArray, FloatArray]:
    """Where the plate lies, its colour times its opacity, and its opacity, (rows, columns, 1)."""
    size = max(float(_SMALLEST), _HEIGHT * min(width, height))
    wide = _load(font, size).getlength(text) + 4 * _PADDING * size
    size = max(1.0, min(size, size * _WIDEST * width / wide))
    letters = _load(font, size)
    gap = round(_PADDING * size)
    ascent, descent = letters.getmetrics()
    columns = min(width - gap, round(letters.getlength(text)) + 2 * gap)
    rows = min(height - gap, ascent + descent + gap)
    mask = Image.new("L", (columns, rows), 0)
    ImageDraw.Draw(mask).text((gap, gap // 2), text, fill=255, font=letters)
    ink = np.asarray(mask, np.float32)[:, :, None] / 255
    opacity = (ink + (1 - ink) * _PLATE).astype(np.float32)
    return gap, gap, (255 * ink).astype(np.float32), opacity


def _load(font: Path | None, size: float) -> FreeTypeFont:
    if font is None:
        loaded = ImageFont.load_default(size)
        assert isinstance(loaded, FreeTypeFont), "Pillow's wheels carry FreeType"
        return loaded
    try:
        return ImageFont.truetype(str(font), size)
    except OSError as error:
        raise ConfigurationError("the label's font cannot be read: name a TrueType or OpenType file") from error


def _missing(text: str, font: Path | None) -> str:
    """The letters that the font would show as its sign for unknown ones."""
    letters = _load(font, 24)
    unknown = bytes(letters.getmask("\uffff"))
    return "".join(dict.fromkeys(c for c in text if not c.isspace() and bytes(letters.getmask(c)) == unknown))
