"""Colours of teeth, gums, tongue and throat that belong into this picture's light."""

from dataclasses import dataclass

import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.picture_traits import CHEEKS, luma, patch_median
from spark_avatar.media.arrays import FloatArray

_LOWER_LIP = (17, 84, 314, 16, 85, 315)
_ABOVE_UPPER_LIP = (164, 167, 393, 165, 391)

# What these parts look like in a picture whose skin has the brightness 165 (a well exposed portrait).
_EXPOSED_SKIN = 165.0
_GUM = np.array([150, 74, 72], np.float32)
_TONGUE = np.array([172, 92, 92], np.float32)
_CAVITY = np.array([44, 19, 18], np.float32)
_SHADED_BY_HAIR = 0.3
_LIT_WHITES = 100.0  # the whites of eyes in pictures that look dark begin below it


@dataclass(frozen=True, eq=False)
class MouthColours:
    """RGB colours, (3,), 0..255, in full light."""

    skin: FloatArray
    lip: FloatArray
    tooth: FloatArray
    gum: FloatArray
    tongue: FloatArray
    cavity: FloatArray
    moustache: float
    """0..1: how much hair hangs over the upper lip."""


def measure_colours(canvas: Canvas, eye_whites_luma: float | None) -> MouthColours:
    """Colours for a picture, from its skin, its lips and the whites of its eyes (None: not seen)."""
    skin = patch_median(canvas, canvas.points[list(CHEEKS)], 0.02 * canvas.eye_distance)
    lip = patch_median(canvas, canvas.points[list(_LOWER_LIP)], 0.008 * canvas.eye_distance)
    brightness = max(float(luma(skin)), 1.0)
    exposure = float(np.clip(brightness / _EXPOSED_SKIN, 0.35 * _lightness(brightness, eye_whites_luma), 1.2))
    hue = skin / brightness
    moustache = _moustache(canvas, brightness)
    tooth = tooth_colour(hue, brightness, eye_whites_luma) * (1 - _SHADED_BY_HAIR * moustache)
    gum = 0.55 * lip + 0.45 * _GUM * exposure
    tongue = 0.45 * lip + 0.55 * _TONGUE * exposure
    cavity = _CAVITY * exposure
    if canvas.grey:
        tooth, gum, tongue, cavity = (_without_hue(c) for c in (tooth, gum, tongue, cavity))
    else:
        gum, tongue, cavity = (_towards_hue(c, hue) for c in (gum, tongue, cavity))
    return MouthColours(skin, lip, tooth, gum, tongue, cavity, moustache)


def tooth_colour(hue: FloatArray, skin_luma: float, eye_whites_luma: float | None) -> FloatArray:
    """Teeth are brighter than the skin around them and take a third of its hue or more; grey teeth look dead.

    In strongly coloured light (a sunset, an orange painting) they take nearly all of it. `hue` is the skin's colour over its
    brightness. The whites of the eyes tell how bright white is in this light.
    """
    whites = max(eye_whites_luma or skin_luma, skin_luma)
    light = _lightness(skin_luma, eye_whites_luma)
    wanted = 0.5 * skin_luma + 0.5 * whites + 24 * light
    wanted = float(np.clip(wanted, 0.95 * skin_luma + 12 * light, min(1.15 * skin_luma + 38 * light, 236)))
    saturation = 1 - float(hue.min() / max(float(hue.max()), 1e-3))
    share = 0.34 + 0.44 * float(np.clip((saturation - 0.5) / 0.25, 0, 1))
    colour = (1 - share + share * hue) * np.array([1.01, 1.0, 0.97], np.float32)
    scaled: FloatArray = np.minimum(colour * (wanted / float(luma(colour))), 245).astype(np.float32)
    return scaled


def _lightness(skin_luma: float, eye_whites_luma: float | None) -> float:
    """0..1: how much light there is in a dark picture. Skin alone does not tell: it may be dark itself."""
    return min(1.0, max(eye_whites_luma or skin_luma, skin_luma) / _LIT_WHITES)


def _moustache(canvas: Canvas, skin_luma: float) -> float:
    """0..1: how dark the place under the nose is. Hair that hangs over the lip shades the teeth and hides their upper part."""
    place = patch_median(canvas, canvas.points[list(_ABOVE_UPPER_LIP)], 0.015 * canvas.eye_distance)
    return float(np.clip((0.7 - float(luma(place)) / skin_luma) / 0.35, 0, 1))


def _towards_hue(colour: FloatArray, hue: FloatArray) -> FloatArray:
    """A quarter of the way to the skin's hue: the parts stay inside the picture's palette."""
    return 0.75 * colour + 0.25 * float(luma(colour)) * hue


def _without_hue(colour: FloatArray) -> FloatArray:
    return np.full(3, float(luma(colour)), np.float32)
