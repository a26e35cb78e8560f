"""Any kind of pixel to 8-bit sRGB: grey, palette, CMYK, 16 bit, float, alpha, with and without a colour profile."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_WHITE: Final = (255, 255, 255, 255)
"""What transparent parts are laid over: white is what browsers and viewers show, so the picture looks as its owner knows it."""

_PROFILE_SPACES: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""Mode of a picture: colour space that its profile must be of, in the words of the ICC specification (ICC.1:2022, table 19)."""


def to_srgb(image: Image.Image) -> Image.Image:
    """`image`, which is loaded, as mode RGB in sRGB."""
    flat = _without_alpha(_to_eight_bit(image))
    return _by_profile(flat, image.info.get("icc_profile")) or flat.convert("RGB")


def _to_eight_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floating point scaled to 8 bits; Pillow itself would clip it. Other pictures as they are."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values: NDArray[np.float64] = np.nan_to_num(np.asarray(image).astype(np.float64))
    grey = np.clip(np.rint(values * (255.0 / _full_scale(image.mode, values))), 0, 255).astype(np.uint8)
    scaled = Image.fromarray(grey)
    scaled.info.update({key: image.info[key] for key in ("icc_profile",) if key in image.info})
    return scaled


def _full_scale(mode: str, values: NDArray[np.float64]) -> float:
    """The value of white. Only 16 bits say it; wider numbers are taken for the smallest usual range that holds them."""
    if mode.startswith("I;16"):
        return 65535.0
    usual = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    peak = float(values.max())
    return next((top for top in usual if peak <= top), peak)


def _without_alpha(image: Image.Image) -> Image.Image:
    """Transparent parts laid over white; colours that only full transparency hides do not show through."""
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if not image.has_transparency_data:
        return image
    if image.mode in ("RGBa", "La"):  # colours already multiplied by alpha
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The picture taken to sRGB by its profile; None without one that fits, since a wrong profile says nothing."""
    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif profile and image.mode in _PROFILE_SPACES:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != _PROFILE_SPACES[image.mode]:
                return None
        else:
            return None
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
