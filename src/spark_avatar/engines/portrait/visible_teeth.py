"""The teeth that the portrait itself shows: found between the lips, kept where they are."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas, MouthFrame
from spark_avatar.engines.portrait.lip_shadow import lip_light
from spark_avatar.engines.portrait.mouth_colours import MouthColours
from spark_avatar.engines.portrait.picture_traits import luma, smoothstep
from spark_avatar.media.arrays import FloatArray

Mask = NDArray[np.bool_]

_USUAL_RED = 0.1  # of the way from the colour of teeth to that of the lips
_LEAST_CONTRAST = 0.1  # of these colours, over their brightness
_ENAMEL = (0.45, 0.65)  # of its usual brightness: what is darker is gum, lip or a gap
_NARROW = 0.08  # E between the lips
_LEAST_BRIGHTNESS = 0.88  # of what teeth have in this light
_MOST_SHADED = 1.6


@dataclass(frozen=True, eq=False)
class VisibleTeeth:
    """The upper teeth of the portrait, on the grid they were asked for."""

    pixels: FloatArray
    """(h, w, 3) RGB, 0..255, without the shadow that the lips cast in the portrait."""
    mask: FloatArray
    """(h, w), 0..1: where they are seen; nowhere if they are a strip in the lips' shadow, which tells their colour only."""
    colour: FloatArray
    """(3,): of the enamel."""
    edge: float
    """b of the middle teeth's biting edge in mouth coordinates, output pixels."""
    height: float
    """Of the middle teeth as far as the lips show them, output pixels."""
    cut: bool
    """The lower lip hides the biting edge: it lies somewhere below `edge`."""


def find_visible_teeth(
    canvas: Canvas, mouth: MouthFrame, colours: MouthColours, softness: float, a: FloatArray, b: FloatArray
) -> VisibleTeeth | None:
    """The portrait's upper teeth at mouth coordinates `a` (h, w) and `b` (h, w); None where none can be made out.

    `softness` is the picture's blur in output pixels: by so much the lips' red runs into the teeth. Rows of the grid run
    down, columns across. Only the upper row is taken: what is seen of the lower one is mostly a strip too thin to be told
    from lip and tongue.
    """
    if not mouth.is_open:
        return None
    E = canvas.eye_distance
    pixel = float(b[1, 0] - b[0, 0])
    upper = np.interp(a[0], mouth.line_a, mouth.upper_b).astype(np.float32)
    lower = np.interp(a[0], mouth.line_a, mouth.lower_b).astype(np.float32)
    opening = _between(a, b, upper, lower, mouth.inner_half_width)
    margin = 0.6 * pixel + 0.004 * E + softness
    upper, lower = upper + margin, lower - margin
    slit = _between(a, b, upper, lower, mouth.inner_half_width)
    inside = slit > 0.9
    if inside.sum() < 20:
        return None
    pixels = _sample(canvas, mouth, a, b)
    bright = _enamel(pixels, inside, colours, canvas.grey)
    if bright is None:
        return None
    ends = _lower_ends(bright & inside, b[:, 0], upper, lower, 0.02 * E)
    if ends is None:
        return None
    mask = (slit * np.clip((ends - b) / pixel + 0.5, 0, 1)).astype(np.float32)
    seen = (mask > 0.9) & bright
    if seen.sum() < 10:
        return None
    middle = np.abs(a[0]) < 0.12 * E
    edge = float(ends[middle].max())
    cut = bool(float(np.median(lower[middle])) - edge < 0.03 * E)
    if not canvas.grey:
        pixels = _without_lips_red(pixels, colours)
    colour = np.median(pixels[seen], axis=0).astype(np.float32)
    mask *= smoothstep(luma(pixels) / luma(colour), *_ENAMEL)
    if cut and float(np.median((lower - upper)[middle])) + 2 * margin < _NARROW * E:
        shaded = _LEAST_BRIGHTNESS * float(luma(colours.tooth)) / float(luma(colour))
        colour *= np.float32(np.clip(shaded, 1, _MOST_SHADED))
        mask = np.zeros_like(mask)
    light = _portrait_light(opening, E / pixel)[..., None]
    height = edge - float(np.median(upper[middle]))
    return VisibleTeeth(pixels=pixels / light, mask=mask, colour=colour, edge=edge, height=height, cut=cut)


def _between(a: FloatArray, b: FloatArray, upper: FloatArray, lower: FloatArray, half_width: float) -> FloatArray:
    """(h, w), 0..1: below `upper` and above `lower` (w,), and not beyond the corners."""
    pixel = float(b[1, 0] - b[0, 0])
    rows = np.clip((b - upper) / pixel + 0.5, 0, 1) * np.clip((lower - b) / pixel + 0.5, 0, 1)
    return (rows * (np.abs(a) < half_width)).astype(np.float32)


def _sample(canvas: Canvas, mouth: MouthFrame, a: FloatArray, b: FloatArray) -> FloatArray:
    x = mouth.centre[0] + a * mouth.across[0] + b * mouth.down[0]
    y = mouth.centre[1] + a * mouth.across[1] + b * mouth.down[1]
    maps = [((v + 0.5) * TEXTURE_SCALE - 0.5).astype(np.float32) for v in (x, y)]
    sampled = cv2.remap(canvas.texture, maps[0], maps[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return sampled.astype(np.float32)


def _enamel(pixels: FloatArray, inside: Mask, colours: MouthColours, grey: bool) -> Mask | None:
    """Which pixels are bright and pale enough for teeth; None if the open mouth shows no teeth at all."""
    brightness = luma(pixels)
    high, low = np.percentile(brightness[inside], [92, 8])
    skin = float(luma(colours.skin))
    bright = brightness > max(0.5 * (high + low), 0.45 * skin)
    if not grey:
        strongest = pixels.max(2)
        saturation = (strongest - pixels.min(2)) / np.maximum(strongest, 1)
        lip_saturation = float((colours.lip.max() - colours.lip.min()) / max(float(colours.lip.max()), 1.0))
        bright &= saturation < max(0.75 * lip_saturation, 0.25)
    enough = (bright & inside).sum() > 0.18 * inside.sum()
    return bright if enough and high > 0.62 * skin and high - low > 12 else None


def _without_lips_red(pixels: FloatArray, colours: MouthColours) -> FloatArray:
    """Enamel without the red that lossy pictures carry over from the lips: they keep colour at half the resolution.

    A colour over its brightness lies between those of teeth in this light and of the lips; what it has of the lips beyond
    what is usual for teeth is taken off, the brightness stays.
    """
    tooth, lip = (colour / max(float(luma(colour)), 1.0) for colour in (colours.tooth, colours.lip))
    towards_lip = lip - tooth
    if float(towards_lip @ towards_lip) < _LEAST_CONTRAST**2:
        return pixels
    brightness = np.maximum(luma(pixels), 1)[..., None]
    share = (pixels / brightness - tooth) @ towards_lip / (towards_lip @ towards_lip)
    beyond = np.clip(share - _USUAL_RED, 0, 1)[..., None]
    cleaned: FloatArray = np.clip(pixels - beyond * towards_lip * brightness, 0, 255).astype(np.float32)
    return cleaned


def _lower_ends(bright: Mask, rows: FloatArray, upper: FloatArray, lower: FloatArray, least: float) -> FloatArray | None:
    """(w,): b where the bright run that hangs from the upper lip ends, per column; None if there are too few runs."""
    pixel = float(rows[1] - rows[0])
    found = np.full(len(upper), np.nan, np.float32)
    for column in np.flatnonzero(lower - upper > least):
        first, last = np.searchsorted(rows, [upper[column], lower[column]])
        run = bright[first:last, column]
        lit = np.flatnonzero(run)
        if len(lit) == 0 or lit[0] > 0.5 * len(run):
            found[column] = upper[column]
            continue
        gaps = np.flatnonzero(np.diff(lit) > 3)  # a dark line of up to two pixels is a crack, not the end
        found[column] = rows[first + (lit[gaps[0]] if len(gaps) else lit[-1])] + pixel
    known = np.isfinite(found)
    if known.sum() < 8:
        return None
    columns = np.arange(len(found))
    ends = np.interp(columns, columns[known], found[known]).astype(np.float32)
    smooth: FloatArray = cv2.GaussianBlur(ends[None], (0, 0), 4.0)[0]
    return smooth


def _portrait_light(opening: FloatArray, eye_distance: float) -> FloatArray:
    """The lips' shadow in the portrait, by the rule that the renderer shades with: dividing by it undoes it."""
    return np.maximum(lip_light(1 - opening, eye_distance), 0.7)
