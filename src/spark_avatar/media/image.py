"""Pictures: told apart and measured before they are decoded, then read as plain sRGB.

The file's first bytes choose the one Pillow plug-in that may see it, and that is called directly: no list of plug-ins is
tried, none outside the table below ever runs, and Pillow's global state (plug-in registry, bomb limit) stays as it is.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from pillow_heif import HeifImageFile

from spark_avatar.errors import ImageTooManyBytes, ImageTooManyPixels, ImageUnreadable
from spark_avatar.media.arrays import RGBAImage, RGBImage
from spark_avatar.media.colour import to_srgb
from spark_avatar.media.limits import MEBIBYTE, MediaLimits
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article


@dataclass(frozen=True)
class ImageFacts:
    """What is known of a picture before it is decoded."""

    format: str
    """`jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `avif` or `heic`."""
    width: int
    """Pixels, as it is shown: after the EXIF orientation."""
    height: int
    bytes: int


_Plugin = Callable[[IO[bytes], str], ImageFile.ImageFile]

_PLUGINS: Final[dict[str, tuple[str, _Plugin]]] = {
    "JPEG picture": ("jpeg", JpegImagePlugin.jpeg_factory),
    "PNG picture": ("png", PngImagePlugin.PngImageFile),
    "WebP picture": ("webp", WebPImagePlugin.WebPImageFile),
    "GIF picture": ("gif", GifImagePlugin.GifImageFile),
    "BMP picture": ("bmp", BmpImagePlugin.BmpImageFile),
    "TIFF picture": ("tiff", TiffImagePlugin.TiffImageFile),
    "AVIF picture": ("avif", AvifImagePlugin.AvifImageFile),
    "HEIC picture": ("heic", HeifImageFile),
}
"""What `sniff_media` calls it: the format's name and its reader."""

_WANTED: Final = "a JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF file"

_ORIENTATIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, tag 0x0112: how to turn the stored picture upright; values from 5 on swap its sides."""

_SUFFIXES: Final[dict[str, tuple[str, dict[str, int]]]] = {
    ".png": ("PNG", {"compress_level": 6}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
}

_DAMAGE: Final = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's plug-ins raise for broken files."""


def probe_image(path: Path, limits: MediaLimits) -> ImageFacts:
    """Measures a picture by its header alone, so that one that is too large is never decoded.

    Raises `ImageTooManyBytes`, `ImageTooManyPixels` and `ImageUnreadable`, each with what was measured.
    """
    size = path.stat().st_size
    if size > limits.image_bytes:
        raise ImageTooManyBytes(
            f"The image has {size / MEBIBYTE:.1f} MiB; at most {limits.image_bytes / MEBIBYTE:g} MiB are allowed: "
            "scale it down or save it as JPEG.",
            facts={"image_bytes": size, "limit_bytes": limits.image_bytes},
        )
    with _opened(path) as (image, name):
        width, height = image.size
        if max(width, height) > limits.image_side:
            raise ImageTooManyPixels(
                f"The image measures {width} x {height} pixels; at most {limits.image_side} x {limits.image_side} are allowed: "
                "scale it down.",
                facts={"image_width": width, "image_height": height, "limit_side": limits.image_side},
            )
        if _orientation(image) >= 5:
            width, height = height, width
        return ImageFacts(_PLUGINS[name][0], width, height, size)


def read_image(path: Path) -> RGBImage:
    """Decodes a picture upright, in sRGB, its transparent parts over white; of an animation, the first frame.

    Expects a file that `probe_image` let pass. Raises `ImageUnreadable` if it is no picture, damaged or cut short.
    """
    with _opened(path) as (image, _):
        orientation = _orientation(image)
        image.load()
        upright = image.transpose(_ORIENTATIONS[orientation]) if orientation in _ORIENTATIONS else image
        return np.array(to_srgb(upright), dtype=np.uint8)


def write_image(path: Path, image: RGBImage) -> None:
    """Saves a preview as PNG or JPEG, by the suffix; raises `ValueError` for any other."""
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"cannot write {path.suffix or 'a file without a suffix'}: use .png or .jpg")
    name, options = _SUFFIXES[path.suffix.lower()]
    Image.fromarray(image).save(path, name, **options)


def shrink_image(source: Path, target: Path, *, longest: int) -> None:
    """Saves a small JPEG of a picture, at most `longest` pixels a side, for lists."""
    image = Image.fromarray(read_image(source))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    image.save(target, "JPEG", quality=80, optimize=True)


def write_animation(path: Path, pictures: Sequence[RGBImage | RGBAImage], *, seconds: float) -> None:
    """Saves pictures of one size as a WebP that repeats for ever, each shown for `seconds`."""
    first, *others = (Image.fromarray(picture) for picture in pictures)
    first.save(path, "WEBP", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0, quality=60, method=1)


def can_write_image(path: Path) -> bool:
    """Whether `write_image` knows the suffix."""
    return path.suffix.lower() in _SUFFIXES


@contextmanager
def _opened(path: Path) -> Iterator[tuple[ImageFile.ImageFile, str]]:
    """The picture, its header read, and what `sniff_media` calls it. Damage found inside the block becomes `ImageUnreadable`."""
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
        name = sniff_media(head)
        if name not in _PLUGINS:
            raise _not_a_picture(name, sniff_kind(head))
        file.seek(0)
        try:
            with _PLUGINS[name][1](file, "") as image:
                yield image, name
        except Image.DecompressionBombError as error:  # frames or tiles that the header's size says nothing of
            raise ImageTooManyPixels("The image has parts with far too many pixels: save it anew as JPEG or PNG.") from error
        except _DAMAGE as error:
            raise ImageUnreadable(
                f"The image is {with_article(name)} that is damaged or cut short: upload the whole file, or save it anew.",
                facts={"image_content": name},
            ) from error


def _not_a_picture(name: str, kind: str) -> ImageUnreadable:
    what = "of a kind that is not supported" if kind == "image" else "not a picture"
    return ImageUnreadable(
        f"The image is {with_article(name)}, {what}: give the picture itself, as {_WANTED}.", facts={"image_content": name}
    )


def _orientation(image: ImageFile.ImageFile) -> int:
    """The EXIF orientation that is still to be applied: 1..8, 1 for none.

    Pillow turns TIFF by itself and libheif turns HEIC. The base class's `getexif` is asked because that of PNG decodes the
    picture to look for a late EXIF chunk.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1  # a broken note about a sound picture
    return value if value in _ORIENTATIONS else 1
