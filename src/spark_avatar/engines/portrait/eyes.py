"""Blinks and gaze, painted into the texture: the eye is drawn anew only when its state changes, and of it only what moves."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas
from spark_avatar.engines.portrait.eye_shape import EyeShape, corner_fade, measure_eye
from spark_avatar.engines.portrait.eyelid_skin import GRAIN_DEPTH, GRAIN_START, EyelidSkin, lid_colour, take_eyelid_skin
from spark_avatar.engines.portrait.glasses import find_rims, hide_eyes, wears_glasses
from spark_avatar.engines.portrait.picture_traits import blur_sigma, luma, smoothstep
from spark_avatar.face.landmarks import LEFT_EYE, RIGHT_EYE
from spark_avatar.media.arrays import FloatArray, RGBImage

_LID_STEPS = 60
_GAZE_STEPS = 100
_CACHED_LIDS = 32
_CACHED_STATES = 4
_MOST_GAZE = 0.35
_LID_FOLLOWS = 0.8  # of the iris' way down
_MOST_LOWERED = 0.4
_BELOW_CATCHLIGHT = np.cos(np.radians(15)), np.sin(np.radians(15))  # along, over: where the iris' sides are looked up
_INSIDE_EDGE = 1.2  # texture pixels above the lid's edge where its last row is taken, so that no eyeball is dragged along
_ANTIALIAS = np.float32(2.4)  # texture pixels from the lid to what lies behind it
_EDGE = 4  # texture pixels over which a patch runs into its surroundings


Sampled = TypeVar("Sampled", RGBImage, FloatArray)
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class _Maps:
    """What does not change with the state, (h, w) float32."""

    fade: FloatArray
    """Along the lids 1, falling off beyond the corners: for what moves."""
    skin_fade: FloatArray
    """The same, ending sooner: for what is painted."""
    temple: FloatArray
    """Above the outer corner, where the lashes of the open eye stand out and would stay behind."""
    lashed: FloatArray
    """1 where the eye is open enough to have an edge, 0 at its very corners."""
    contact: FloatArray
    """Where the closed lids meet in a line: the lashes' place and a little beyond the outer corner."""
    border: FloatArray
    """0 on the patch's border, 1 inside."""


@dataclass(frozen=True, eq=False)
class _Lids:
    """The lids at one height. What they leave of the eyeball is added to the picture."""

    picture: RGBImage
    """(h, w, 3): the whole patch, black where the eyeball is."""
    eyeball: FloatArray
    """(rows, columns) over `EyePatch`'s opening, 0..1: the eyeball's share, shadow and lashes taken off."""


class EyePatch:
    """One eye of the texture in any state."""

    def __init__(self, source: RGBImage, shape: EyeShape, skin: EyelidSkin, rims: FloatArray | None, softness: float) -> None:
        """`softness` is the picture's blur in texture pixels."""
        self.shape = shape
        self.source = source
        self._skin = skin
        self._rims = rims
        self._softness = softness
        self._maps = _state_free_maps(shape)
        self._opening = _opening_of(shape)
        self._between = shape.part(self._opening)
        self._lids: OrderedDict[int, _Lids] = OrderedDict()
        self._drawn: OrderedDict[tuple[int, int, int], RGBImage] = OrderedDict()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the patch in texture pixels."""
        return self.shape.box

    def render(self, blink: float, gaze_x: float, gaze_y: float) -> RGBImage:
        """The patch, (h, w, 3). Callers must not write to it.

        `blink` 0..1; gaze in half eye widths from where the portrait looks, x to the picture's right, y down. States are
        rounded to steps too small to see, and the last ones remembered.
        """
        x, y = (round(max(-_MOST_GAZE, min(gaze, _MOST_GAZE)) * _GAZE_STEPS) for gaze in (gaze_x, gaze_y))
        closed = 1 - (1 - max(0.0, min(blink, 1.0))) * (1 - self._lowered(y / _GAZE_STEPS))
        state = round(closed * _LID_STEPS), x, y
        if state == (0, 0, 0):
            return self.source
        return _remembered(self._drawn, state, lambda: self._draw(*state), _CACHED_STATES)

    def _draw(self, lid_step: int, x_step: int, y_step: int) -> RGBImage:
        lids = _remembered(self._lids, lid_step, lambda: self._close(lid_step / _LID_STEPS), _CACHED_LIDS)
        patch = lids.picture.copy()
        eyeball = self._look(x_step / _GAZE_STEPS, y_step / _GAZE_STEPS)
        opening = patch[self._opening]
        cv2.add(opening, _shaded(eyeball, lids.eyeball), dst=opening)
        return patch

    def _lowered(self, gaze_y: float) -> float:
        """Share of a blink by which the upper lid follows the iris down."""
        return max(0.0, min(_LID_FOLLOWS * gaze_y * self.shape.width / 2 / self.shape.opening, _MOST_LOWERED))

    def _look(self, gaze_x: float, gaze_y: float) -> RGBImage:
        """What lies between the open lids. The iris moves as a disc; the white around it gives way."""
        if gaze_x == 0 and gaze_y == 0:
            return self.source[self._opening]
        shape = self._between
        dx, dy = np.float32(gaze_x * shape.width / 2), np.float32(gaze_y * shape.width / 2)
        distance = np.hypot(shape.along - np.float32(shape.iris[0]) - dx, shape.over - np.float32(shape.iris[1]) - dy)
        moved = 1 - smoothstep(distance, 1.15 * shape.iris_radius, 2.4 * shape.iris_radius)
        moved *= shape.eyeball
        v = shape.below_lid
        margin = np.minimum(0.12 * shape.opening, 0.4 * shape.height)
        low, high = np.minimum(v, margin), np.maximum(v, shape.height - margin)
        target = v - dy * moved
        seen = _shifted(self.source, shape, -dx * moved, np.clip(target, low, high) - v)
        hidden = smoothstep(np.maximum(low - target, target - high), 0.0, 0.06 * shape.opening)
        return _blend(self._beside_iris(-dx * moved, -dy * moved), seen, hidden)

    def _beside_iris(self, along: FloatArray, over: FloatArray) -> RGBImage:
        """What comes out from under a lid was never seen. Eyes are round: it is taken from the sides of the iris.

        `along` and `over` say how far away each pixel comes from.
        """
        shape = self._between
        from_middle = shape.along + along - np.float32(shape.iris[0])
        radius = np.hypot(from_middle, shape.over + over - np.float32(shape.iris[1]))
        below = np.float32(shape.iris[1]) + np.float32(_BELOW_CATCHLIGHT[1]) * radius - shape.over
        sides = [
            _shifted(self.source, shape, np.float32(shape.iris[0]) + sign * _BELOW_CATCHLIGHT[0] * radius - shape.along, below)
            for sign in (-1, 1)
        ]
        return _blend(sides[1], sides[0], smoothstep(from_middle / np.maximum(radius, 1e-3), -0.7, 0.7))

    def _close(self, closed: float) -> _Lids:
        """Brings the lids together."""
        shape, maps = self.shape, self._maps
        if closed == 0:
            picture, border = self.source.copy(), maps.border[self._opening]
            picture[self._opening] = _shaded(picture[self._opening], 1 - border)
            return _Lids(picture, border)
        v, opening = shape.below_lid, shape.opening
        edge, lower_rise = _lid_travel(shape, maps, closed)
        band = np.float32(0.08 * opening + 1)  # the lashes' root travels without being stretched
        shift = _upper_shift(shape, edge, band) * maps.fade
        lower_shift = lower_rise * np.exp(-((np.maximum(v - shape.height, 0) / (0.9 * opening)) ** 2)) * maps.fade
        lower_edge = shape.height - lower_rise + shape.overshoot * closed * maps.lashed
        upper_lid = np.where(v <= 0, 1, np.clip((edge - v) / _ANTIALIAS + 0.5, 0, 1)).astype(np.float32)
        between = np.clip((lower_edge - edge) / _ANTIALIAS, 0, 1) * np.clip(shape.height / _ANTIALIAS, 0, 1)
        lower_lid = (1 - between * np.clip((lower_edge - v) / _ANTIALIAS + 0.5, 0, 1)).astype(np.float32)
        skin_share = self._skin_share(edge, band, closed)
        bare = _blend(self._skin.temple, self._skin.bare, maps.temple * np.float32(min(1.0, 1.3 * closed)))
        lid = _blend(self._lid_skin(edge, shift), _shifted(bare, shape, None, shift), skin_share)
        below = _blend(_shifted(bare, shape, None, lower_shift), np.zeros_like(bare), lower_lid)
        shade = (1 - upper_lid) * self._eyeball_shade(edge, lower_lid, closed) + upper_lid * self._lid_shade(edge, skin_share)
        shade *= 1 - np.float32(0.40 * closed) * maps.contact * np.exp(-(((v - edge) / self._contact_width()) ** 2))
        drawn = maps.border
        if self._rims is not None:
            # Where no skin moves the picture stands as it is, with what else of the glasses there is: reflections, shadows.
            moved = np.clip(np.maximum(np.abs(shift), lower_shift * (1 - upper_lid)) / _EDGE, 0, 1)
            drawn = drawn * np.maximum(np.maximum(moved, skin_share), shape.eyeball) * (1 - self._rims)
        picture = _blend(_shaded(_blend(lid, below, upper_lid), shade), self.source, drawn)
        return _Lids(picture, ((1 - upper_lid) * (1 - lower_lid) * shade * drawn)[self._opening])

    def _skin_share(self, edge: FloatArray, band: np.float32, blink: float) -> FloatArray:
        """Where the stretched lid is replaced by drawn skin: between the lash line and halfway to the brow."""
        v, reach = self.shape.below_lid, self.shape.reach
        above_lashes = 1 - smoothstep(v, edge - 1.8 * band - 0.8, edge - 0.3 * band)
        below_crease = smoothstep(v, -0.50 * reach, -0.10 * reach)
        share: FloatArray = below_crease * above_lashes * self._maps.skin_fade * np.float32(0.92 * min(1.0, blink * 1.8))
        return share

    def _lid_skin(self, edge: FloatArray, shift: FloatArray) -> RGBImage:
        mix = np.float32(0.45) * smoothstep(self._down_the_lid(edge), 0.0, 1.0)
        v = self.shape.below_lid
        above_lashes = np.minimum(v + shift, np.float32(-0.045 * self.shape.eye_distance)) - v
        stretched = _shifted(self._skin.plain, self.shape, None, above_lashes)
        lid = cv2.addWeighted(lid_colour(self._skin, mix), 0.78, stretched, 0.22, 0)
        return cv2.addWeighted(lid, 1, _shifted(self._skin.grain, self.shape, *self._from_below_eye(edge)), 1, -128).astype(
            np.uint8, copy=False
        )

    def _from_below_eye(self, edge: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How far along and over the moving lid's grain comes from the skin below the eye: mirrored at the edge, folded where it
        ends, every other fold turned side to side, or the eye would see columns.
        """
        shape = self.shape
        start = np.float32(GRAIN_START * shape.eye_distance)
        ends = (shape.below_lid - shape.height)[-1, shape.beyond[-1] < 0]  # of the patch, below the lower lid
        depth = np.float32(np.clip(ends.min(initial=np.inf) - start - 1, 2, GRAIN_DEPTH * shape.eye_distance))
        folded = np.mod(np.abs(edge - shape.below_lid), 2 * depth)
        below = shape.height + start + depth - np.abs(depth - folded)
        return np.where(folded > depth, -2 * shape.along, np.float32(0)), below - shape.below_lid

    def _down_the_lid(self, edge: FloatArray) -> FloatArray:
        """0 at the crease, 1 at the moving edge."""
        v, reach = self.shape.below_lid, self.shape.reach
        share: FloatArray = np.clip((v + 0.45 * reach) / np.maximum(edge + 0.45 * reach, 1e-3), 0, 1)
        return share

    def _lid_shade(self, edge: FloatArray, skin_share: FloatArray) -> FloatArray:
        """The lid bulges over the eyeball: light in its middle, darker to the lashes and under the brow."""
        t = self._down_the_lid(edge)
        bulge = 0.05 * np.sin(np.pi * np.clip(t * 1.15, 0, 1))
        bulge -= 0.10 * smoothstep(t, 0.72, 1.0) + 0.05 * (1 - smoothstep(t, 0, 0.25))
        shade: FloatArray = 1 + bulge.astype(np.float32) * skin_share
        return shade

    def _eyeball_shade(self, edge: FloatArray, lower_lid: FloatArray, blink: float) -> FloatArray:
        """The closing lid shades the eyeball, and its lashes hang over it: the resting lashes turned upside down."""
        shape = self.shape
        below = np.maximum(shape.below_lid - edge, 0)
        shadow = 1 - np.float32(0.25 * blink) * np.exp(below * np.float32(-4 / shape.opening)) * (1 - lower_lid)
        length = 0.024 * shape.eye_distance * (0.4 + 0.6 * blink)
        turned = (-below - shape.below_lid) * self._maps.fade
        dark = 1 - _shifted(self._skin.lashes, shape, None, turned)
        hanging = (1 - smoothstep(below, 0.25 * length, 1.6 * length)) * self._maps.lashed * np.float32(0.7 * blink)
        shaded: FloatArray = shadow * (1 - hanging * dark)
        return shaded

    def _contact_width(self) -> np.float32:
        return np.float32(np.hypot(0.008 * self.shape.eye_distance + 0.5, self._softness))


def build_eyes(canvas: Canvas) -> tuple[EyePatch, ...]:
    """The eyes of a portrait: the subject's right one, the left one; none behind dark glasses."""
    if hide_eyes(canvas):
        return ()
    glasses = wears_glasses(canvas)
    softness = blur_sigma(canvas) * TEXTURE_SCALE
    return tuple(_build_eye(canvas, measure_eye(canvas, marks), glasses, softness) for marks in (RIGHT_EYE, LEFT_EYE))


def eye_whites_luma(eyes: tuple[EyePatch, ...]) -> float | None:
    """How bright the whites of the eyes are, 0..255; None where too little of them is seen."""
    samples = []
    for eye in eyes:
        shape = eye.shape
        depth = shape.below_lid / np.maximum(shape.height, 1e-3)
        white = (depth > 0.25) & (depth < 0.8) & (shape.height > 1)
        white &= (shape.from_iris > 1.25) & (shape.beyond < -0.08 * shape.width)
        samples.append(luma(eye.source[white]))
    whites = np.concatenate(samples) if samples else np.empty(0)
    return float(np.percentile(whites, 80)) if len(whites) > 20 else None


def _build_eye(canvas: Canvas, shape: EyeShape, glasses: bool, softness: float) -> EyePatch:
    x0, y0, x1, y1 = shape.box
    source = canvas.texture[y0:y1, x0:x1].copy()
    rims = find_rims(source, shape) if glasses else None
    skin = take_eyelid_skin(source, shape, rims)
    return EyePatch(source, shape, skin, rims, softness)


def _opening_of(shape: EyeShape) -> tuple[slice, slice]:
    """Rows and columns of the patch in which the lids may leave anything of the eyeball."""
    v, edge = shape.below_lid, _ANTIALIAS / 2
    rows, columns = np.nonzero((shape.height > 0) & (v > -edge) & (v < shape.height + shape.overshoot + edge))
    if len(rows) == 0:
        return np.s_[:1, :1]
    return np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _remembered(cache: OrderedDict[Key, Value], key: Key, make: Callable[[], Value], most: int) -> Value:
    """From the cache, which keeps the `most` that were used last."""
    if key not in cache:
        cache[key] = make()
        if len(cache) > most:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def _state_free_maps(shape: EyeShape) -> _Maps:
    width, height = shape.patch_size
    lashed = np.clip(shape.height / (0.30 * shape.opening), 0, 1).astype(np.float32)
    beyond_temple = corner_fade(shape, 0.0, 0.15) * (shape.along * shape.temple_side > 0)
    from_border = np.minimum(np.minimum(shape.x, width - 1 - shape.x), np.minimum(shape.y, height - 1 - shape.y))
    return _Maps(
        fade=corner_fade(shape, -0.02, 0.22),
        skin_fade=corner_fade(shape, -0.04, 0.14),
        temple=_above_outer_corner(shape),
        lashed=lashed,
        contact=np.maximum(lashed, 0.3 * beyond_temple).astype(np.float32),
        border=np.clip(from_border / _EDGE, 0, 1).astype(np.float32),
    )


def _above_outer_corner(shape: EyeShape) -> FloatArray:
    outward = shape.along * np.float32(shape.temple_side) - np.float32(shape.width / 2)
    width, opening = shape.width, shape.opening
    beside = smoothstep(outward, -0.22 * width, -0.06 * width) * (1 - smoothstep(outward, 0.14 * width, 0.24 * width))
    v = shape.below_lid
    above = smoothstep(v, -0.9 * opening, -0.4 * opening) * (1 - smoothstep(v, 0.05 * opening, 0.55 * opening))
    return (beside * above).astype(np.float32)


def _lid_travel(shape: EyeShape, maps: _Maps, blink: float) -> tuple[FloatArray, FloatArray]:
    """Where the upper edge comes to stand below its rest, and how far the lower one rises; texture pixels."""
    rise = np.float32(0.12 * blink) * shape.height
    edge = (shape.height - rise + np.float32(shape.overshoot) * maps.lashed) * np.float32(blink)
    return edge, rise


def _upper_shift(shape: EyeShape, edge: FloatArray, band: np.float32) -> FloatArray:
    """How far above itself each pixel of the closing lid comes from: the skin between lashes and brow is stretched.

    Column by column: the stretch is a quadratic that leaves the skin at the brow in place, with slope 1 where it can.
    """
    v, reach = shape.below_lid, shape.reach
    root = band + _INSIDE_EDGE
    span = np.maximum(reach + edge - band, 1e-3)
    down = np.clip((v + reach) / span, 0, 1)
    slope = np.clip(span / np.maximum(reach - root, 1e-3), 1, 1.9)
    stretched = -reach + (reach - root) * (down + (slope - 1) * down * (1 - down) ** 2)
    source = np.where(v > edge - band, v - edge - np.float32(_INSIDE_EDGE), stretched)
    shift: FloatArray = np.where(v < -reach, 0, source - v).astype(np.float32)
    return shift


def _blend(front: RGBImage, back: RGBImage, share: FloatArray) -> RGBImage:
    """`front` over `back` with the share (h, w), 0..1, of the front."""
    front_share = np.ascontiguousarray(share, dtype=np.float32)
    return cv2.blendLinear(front, back, front_share, 1 - front_share).astype(np.uint8, copy=False)


def _shaded(image: RGBImage, shade: FloatArray) -> RGBImage:
    factor = cv2.merge([shade.astype(np.float32, copy=False)] * 3)
    return cv2.multiply(image, factor, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _shifted(image: Sampled, shape: EyeShape, along: FloatArray | None, over: FloatArray) -> Sampled:
    """A patch sampled `along` and `over` texture pixels away, in the eye's axes, from where the shape's maps are."""
    x = shape.x + over * np.float32(shape.down[0])
    y = shape.y + over * np.float32(shape.down[1])
    if along is not None:
        x += along * np.float32(shape.across[0])
        y += along * np.float32(shape.across[1])
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.astype(image.dtype, copy=False)
