"""The inside of the mouth: drawn once for a portrait, then moved and lit frame by frame.

From back to front: throat, tongue, lower teeth, upper teeth, and over all of it the shadow of the lips. The upper teeth
belong to the skull, the lower teeth and the tongue to the jaw.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas, MouthFrame
from spark_avatar.engines.portrait.lip_shadow import lip_light
from spark_avatar.engines.portrait.mouth_colours import MouthColours, measure_colours
from spark_avatar.engines.portrait.picture_traits import blur_sigma, head_turn, luma, picture_seed, skin_grain
from spark_avatar.engines.portrait.teeth import LOWER_ARCH, MM_PER_EYE_DISTANCE, UPPER_ARCH, ToothVariation, draw_arch
from spark_avatar.engines.portrait.tongue import (
    LEFT,
    SPAN_ACROSS,
    SPAN_DOWN,
    TONGUE_DEPTH_MM,
    TONGUE_HALF_WIDTH_MM,
    TOP,
    draw_tongue,
    tongue_height,
)
from spark_avatar.engines.portrait.visible_teeth import VisibleTeeth, find_visible_teeth
from spark_avatar.media.arrays import FloatArray, Points, RGBImage

# What the drawn layers cover, in E around the middle of the closed lips.
_REACH_ACROSS = 0.44
_REACH_UP = 0.22
_REACH_DOWN = 0.24

_UPPER_EDGE_MM = 2.2  # below the closed lips' line
_HIDDEN_BY_HAIR_MM = 1.9  # so much higher they stand where a moustache hides the upper lip and what is just below it
_LOWER_EDGE_MM = 2.4
_LOWER_LIGHT = np.array([0.84, 0.78, 0.75], np.float32)  # they stand in the reddish shadow of lips and upper teeth

_LIT_WHEN_TUCKED = 0.6  # of the lips' shadow, without a moustache
_RED_SHADOW = np.array([0.84, 1.04, 1.06], np.float32)  # light reaches the shadow by way of the lips, and is red then


@dataclass(frozen=True, eq=False)
class InteriorState:
    """One moment of the mouth."""

    open: float
    """Gap between the inner lips in E."""
    jaw_drop: float
    """Output pixels along `MouthFrame.down` that the chin has moved from the closed mouth."""
    lower_drop: float
    """How far the lower lip has moved against the chin, E."""
    tongue: float
    """0 = lying, 1 = its tip behind the upper teeth."""
    rotation: Points
    """(3, 3): the head's turn away from the portrait."""
    translation: Points
    """(2,): the head's shift, output pixels."""
    pivot: Points
    """(3,): what the head turns about, window pixels and depth."""
    tuck: float = 0.0
    """0..1: the lower lip lies behind the upper teeth, which then stand in the light."""
    jaw_shift: float = 0.0
    """Output pixels along `MouthFrame.across` that the jaw has moved."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the layers are in the portrait, output pixels."""

    origin: Points
    """(2,): middle of the closed lips."""
    across: Points
    down: Points
    depth: float
    """z of the incisors."""
    eye_distance: float
    scale: float
    """Of the arches: how wide this person's mouth is."""
    turn: float
    upper_edge: float
    lower_edge: float


@dataclass(frozen=True, eq=False)
class _Layers:
    """Layers hold colour times coverage and coverage, (h, w, 4), 0..255, twice the output's resolution."""

    skull: RGBImage
    skull_shadow: RGBImage
    """(h, w): the light that the upper teeth take from what lies behind, 0..255."""
    jaw: RGBImage
    tongue: RGBImage
    cavity: FloatArray
    shadow_hue: FloatArray | None
    """(3,): what the lips' shadow takes of red, green and blue; None takes all alike."""
    lit_when_tucked: float
    """Share of the lips' shadow that goes when the teeth stand before the lower lip."""


class MouthInterior:
    """What is seen between the lips of one portrait."""

    def __init__(self, place: _Place, layers: _Layers) -> None:
        self._place = place
        self._layers = layers

    def compose(self, box: tuple[int, int, int, int], cover: FloatArray, state: InteriorState) -> FloatArray:
        """The inside of the mouth in `box` (x0, y0, x1, y1; window pixels), (h, w, 3) RGB, 0..255.

        `cover` (h, w), 0..1, says where lips and skin will be drawn over it: they cast the shadow.
        """
        place, layers = self._place, self._layers
        size = (box[2] - box[0], box[3] - box[1])
        drop = max(0.0, state.jaw_drop + 0.2 * max(0.0, state.lower_drop) * place.eye_distance)
        rigid = self._onto_box(box, state, 0.0, 0.0)
        lowered = self._onto_box(box, state, state.jaw_shift, drop)
        upper = _warp(layers.skull, rigid, size)
        shadow = _warp(layers.skull_shadow, rigid, size)
        lower = _warp(layers.jaw, lowered, size)
        tongue = _warp(layers.tongue, self._tongue_onto_box(box, state, drop), size)
        inside = _over(tongue, layers.cavity, 1.0 + 0.25 * state.tongue)
        inside = _over(lower, inside, _lower_light(drop / place.eye_distance))
        inside *= (1 - shadow * np.float32(1 / 255))[..., None]
        inside = _over(upper, inside, 1.0)
        light = lip_light(cover, place.eye_distance)
        light += (1 - light) * np.float32(layers.lit_when_tucked * state.tuck)
        inside *= light[..., None] if layers.shadow_hue is None else 1 - (1 - light)[..., None] * layers.shadow_hue
        return np.clip(inside, 0, 255, out=inside)

    def _onto_box(self, box: tuple[int, int, int, int], state: InteriorState, shift: float, drop: float) -> Points:
        """(2, 3): texture pixels of the teeth to pixels of the box."""
        place = self._place
        step = 1 / TEXTURE_SCALE
        axes = np.stack([place.across, place.down], axis=1) * step
        corner_a = 0.5 * step - _REACH_ACROSS * place.eye_distance
        corner_b = 0.5 * step - _REACH_UP * place.eye_distance
        corner = place.origin + place.across * (corner_a + shift) + place.down * (corner_b + drop)
        return _posed(axes, corner, place.depth, box, state)

    def _tongue_onto_box(self, box: tuple[int, int, int, int], state: InteriorState, drop: float) -> Points:
        place, (rows, columns) = self._place, self._layers.tongue.shape[:2]
        E = place.eye_distance
        foot = place.lower_edge + drop
        height = tongue_height(E, max(0.0, state.open) * E, state.tongue, foot - place.upper_edge)
        half_width = TONGUE_HALF_WIDTH_MM / MM_PER_EYE_DISTANCE * E * place.scale * (1 - 0.18 * state.tongue)
        behind = TONGUE_DEPTH_MM / MM_PER_EYE_DISTANCE * E
        middle = place.origin + place.down * foot + place.across * (state.jaw_shift - np.sin(place.turn) * behind)
        axes = np.stack(
            [place.across * (half_width * SPAN_ACROSS / (columns - 1)), place.down * (height * SPAN_DOWN / (rows - 1))], axis=1
        )
        corner = middle + place.across * (half_width * LEFT) + place.down * (height * (TOP - 1))
        return _posed(axes, corner, place.depth + behind, box, state)


def build_interior(canvas: Canvas, mouth: MouthFrame, eye_whites_luma: float | None) -> MouthInterior:
    """Draws the inside of this portrait's mouth, with its own teeth where they are seen.

    `eye_whites_luma`, 0..255, says how bright white is in this light; None if the eyes do not show it.
    """
    colours = measure_colours(canvas, eye_whites_luma)
    E = canvas.eye_distance
    origin_a, origin_b = _closed_lips(mouth)
    softness = blur_sigma(canvas)
    step = 1 / TEXTURE_SCALE
    a, b = np.meshgrid(
        np.arange(-_REACH_ACROSS * E, _REACH_ACROSS * E, step, dtype=np.float32) + step / 2,
        np.arange(-_REACH_UP * E, _REACH_DOWN * E, step, dtype=np.float32) + step / 2,
    )
    seen = find_visible_teeth(canvas, mouth, colours, softness, a + np.float32(origin_a), b + np.float32(origin_b))
    scale = 1.02 if mouth.width > 0.62 * E else float(np.clip(mouth.width / E / 0.56, 0.8, 1.10))
    mm = E / MM_PER_EYE_DISTANCE
    upper_edge = (_UPPER_EDGE_MM - _HIDDEN_BY_HAIR_MM * colours.moustache) * mm
    if seen is not None:
        colours = replace(colours, tooth=np.minimum(seen.colour * 1.06, 245).astype(np.float32))
        upper_edge = float(np.clip(seen.edge - origin_b + (mm if seen.cut else 0), mm, 0.16 * E))
    place = _Place(
        origin=mouth.centre + mouth.across * origin_a + mouth.down * origin_b,
        across=mouth.across,
        down=mouth.down,
        depth=float(canvas.points[[0, 17], 2].mean() + 0.08 * E),
        eye_distance=E,
        scale=scale,
        turn=head_turn(canvas),
        upper_edge=upper_edge,
        lower_edge=_LOWER_EDGE_MM * mm * scale,
    )
    return MouthInterior(place, _draw_layers(canvas, colours, place, seen, softness, a, b))


def _closed_lips(mouth: MouthFrame) -> tuple[float, float]:
    """Mouth coordinates of the middle of the lips once they are closed."""
    a, b = mouth.to_mouth(mouth.snapped[[13]] + mouth.closing[[13], :2])[0]
    return float(a), float(b)


def _draw_layers(
    canvas: Canvas,
    colours: MouthColours,
    place: _Place,
    seen: VisibleTeeth | None,
    softness: float,
    a: FloatArray,
    b: FloatArray,
) -> _Layers:
    random = np.random.default_rng(picture_seed(canvas))
    to_mm = MM_PER_EYE_DISTANCE / place.eye_distance / place.scale
    across, height = a * to_mm, b * to_mm
    arch = UPPER_ARCH if seen is None else UPPER_ARCH.without_gum(seen.height * to_mm)
    upper, upper_cover = draw_arch(
        arch, ToothVariation.draw(random), across, height - place.upper_edge * to_mm, place.turn, colours
    )
    lower, lower_cover = draw_arch(
        LOWER_ARCH, ToothVariation.draw(random), across, height - _LOWER_EDGE_MM + _seen_from_above(across), place.turn, colours
    )
    skull = np.dstack([upper * upper_cover[..., None], upper_cover * 255])
    if seen is not None:
        own = cv2.GaussianBlur(seen.mask, (0, 0), 1.0)[..., None]
        skull = skull * (1 - own) + np.dstack([seen.pixels, np.full(seen.mask.shape, 255, np.float32)]) * own
    jaw = np.dstack([lower * _LOWER_LIGHT * lower_cover[..., None], lower_cover * 255])
    tongue = draw_tongue(colours.tongue)
    blur = softness * TEXTURE_SCALE
    drawn = np.ones(a.shape, np.float32) if seen is None else 1 - cv2.GaussianBlur(seen.mask, (0, 0), 1.0)
    grain = skin_grain(canvas, (a.shape[0], a.shape[1]))
    skull_layer = _finished(skull, 0.75 * blur, canvas.grey, grain * drawn[..., None])
    shade = cv2.GaussianBlur(skull_layer[..., 3], (0, 0), 0.035 * place.eye_distance * TEXTURE_SCALE)
    return _Layers(
        skull=skull_layer,
        skull_shadow=(shade * 0.55).astype(np.uint8),
        jaw=_finished(jaw, blur, canvas.grey, grain),
        tongue=tongue,
        cavity=colours.cavity,
        shadow_hue=None if canvas.grey else _RED_SHADOW,
        lit_when_tucked=_LIT_WHEN_TUCKED * (1 - colours.moustache),
    )


def _seen_from_above(across: FloatArray) -> FloatArray:
    """Millimetres that the back of the lower row stands higher: an open jaw shows its arch as a U."""
    radius = LOWER_ARCH.radius
    x = np.clip(across, -0.95 * radius, 0.95 * radius)
    raised: FloatArray = (0.40 * (radius - np.sqrt(radius**2 - x * x))).astype(np.float32)
    return raised


def _finished(layer: FloatArray, sigma: float, grey: bool, grain: FloatArray) -> RGBImage:
    """As soft and as grainy as the picture, and without colour in a black-and-white one."""
    soft = cv2.GaussianBlur(layer.astype(np.float32), (0, 0), max(0.5, sigma)).astype(np.float32, copy=False)
    soft[..., :3] += grain * (soft[..., 3:] * np.float32(1 / 255))
    if grey:
        soft[..., :3] = luma(soft[..., :3])[..., None]
    done: RGBImage = np.clip(soft + 0.5, 0, 255).astype(np.uint8)
    return done


def _posed(axes: Points, corner: Points, depth: float, box: tuple[int, int, int, int], state: InteriorState) -> Points:
    """(2, 3): the affine map of a flat layer at `depth` in the turned head, `axes` (2, 2) and `corner` (2,) at rest."""
    turn = state.rotation[:2, :2]
    pivot = state.pivot[:2]
    shift = turn @ (corner - pivot) + state.rotation[:2, 2] * (depth - state.pivot[2]) + pivot + state.translation
    return np.column_stack([turn @ axes, shift - np.array(box[:2])])


def _warp(layer: RGBImage, matrix: Points, size: tuple[int, int]) -> RGBImage:
    warped = cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return warped.astype(np.uint8, copy=False)


def _over(layer: RGBImage, below: FloatArray, brightness: float) -> FloatArray:
    """A layer (h, w, 4) of colour times coverage over what lies below."""
    values = layer.astype(np.float32)
    uncovered = np.float32(1) - values[..., 3:] * np.float32(1 / 255)
    stacked: FloatArray = values[..., :3] * np.float32(brightness) + below * uncovered
    return stacked


def _lower_light(drop: float) -> float:
    """Lower teeth darken as the jaw takes them away from the light (`drop` in E)."""
    return 1.0 - 0.25 * float(np.clip((drop - 0.05) / 0.17, 0, 1))
