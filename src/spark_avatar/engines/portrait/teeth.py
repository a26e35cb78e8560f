"""Rows of teeth, drawn: a dental arch seen from the front, with the small irregularities of one person.

Sizes are those of adult teeth (Wheeler's Dental Anatomy, mean crown widths and heights), in millimetres; a face measures
90 mm between the outer eye corners, so 1 mm = E / 90.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.mouth_colours import MouthColours
from spark_avatar.engines.portrait.picture_traits import smoothstep
from spark_avatar.media.arrays import FloatArray

MM_PER_EYE_DISTANCE = 90.0

_PER_SIDE = 7
_PAPILLA = 0.28
"""Share of a tooth's height that the gum between two necks covers."""
_CUSP_ROUNDING = 0.25
"""Of the point of a cusp, in half widths of its tooth."""


@dataclass(frozen=True)
class DentalArch:
    """One row of teeth, from the middle to the back, alike on both sides. Millimetres."""

    radius: float
    widths: tuple[float, ...]
    heights: tuple[float, ...]
    edges: tuple[float, ...]
    """How far each tooth's edge stands beyond the middle one's, away from the gum."""
    mesial: tuple[float, ...]
    """How much the biting edge of each tooth recedes at its side towards the middle."""
    distal: tuple[float, ...]
    """The same at the side towards the back, which is rounder."""
    cusp: tuple[float, ...]
    """0 = a straight edge with round corners, 1 = two slopes that meet in a point (canines, premolars)."""
    seam: float
    """Darkness of the lines between teeth, a share."""
    gum_below: bool
    """The lower row: its gum is below, its edges above."""

    def without_gum(self, height: float) -> "DentalArch":
        """With teeth as long as it takes that no gum is seen within `height` millimetres of the middle teeth's edges."""
        longer = max(1.0, height / ((1 - _PAPILLA) * self.heights[0]))
        return replace(self, heights=tuple(longer * each for each in self.heights))


UPPER_ARCH = DentalArch(
    radius=29.5,
    widths=(8.4, 6.6, 7.6, 7.0, 6.8, 9.5, 9.5),
    heights=(9.8, 8.6, 9.4, 8.0, 7.4, 7.0, 7.0),
    edges=(0.0, -0.6, -0.3, -0.9, -1.3, -1.8, -2.2),
    mesial=(0.30, 0.45, 1.0, 1.0, 1.0, 0.7, 0.7),
    distal=(0.80, 1.15, 1.6, 1.2, 1.1, 0.9, 0.9),
    cusp=(0.0, 0.05, 0.85, 0.75, 0.6, 0.2, 0.2),
    seam=0.20,
    gum_below=False,
)
LOWER_ARCH = DentalArch(
    radius=24.0,
    widths=(5.3, 5.9, 6.9, 7.0, 7.2, 10.5, 10.0),
    heights=(8.5, 8.8, 9.5, 8.2, 7.8, 7.0, 7.0),
    edges=(0.0, 0.1, 0.5, 0.6, 0.9, 1.2, 1.5),
    mesial=(0.20, 0.25, 0.8, 0.9, 0.8, 0.6, 0.6),
    distal=(0.30, 0.45, 1.3, 1.1, 0.9, 0.7, 0.7),
    cusp=(0.0, 0.0, 0.8, 0.7, 0.5, 0.2, 0.2),
    seam=0.20,
    gum_below=True,
)

_TINT_BY_TOOTH = np.array([0, 0.012, -0.035, -0.05, -0.06, -0.08, -0.1], np.float32)  # canines and molars are darker


@dataclass(frozen=True, eq=False)
class ToothVariation:
    """How one person's row differs from the ideal one. Arrays are (2, 7): subject's right and left, middle to back."""

    width: FloatArray
    """Factor."""
    edge: FloatArray
    """Millimetres, away from the gum."""
    slope: FloatArray
    """Millimetres that the edge rises from one side of the tooth to the other."""
    tint: FloatArray
    """Added brightness, a share."""
    seam: FloatArray
    """Factor: how plainly the line at the tooth's outer side is seen."""
    midline: float
    """Millimetres."""

    @classmethod
    def draw(cls, random: np.random.Generator) -> "ToothVariation":
        """A healthy, natural row: enough to look like somebody's teeth, too little to be noticed."""

        def spread(sigma: float) -> FloatArray:
            values: FloatArray = np.clip(random.normal(0, sigma, (2, _PER_SIDE)), -2 * sigma, 2 * sigma).astype(np.float32)
            return values

        both_sides = spread(0.030)
        width = 1 + both_sides[:1] + 0.5 * spread(0.030)
        edge = spread(0.15) * np.array([0.8, 1.2, 1.2, 1, 1, 1, 1], np.float32)
        midline = float(np.clip(random.normal(0, 0.4), -0.8, 0.8))
        return cls(width, edge, spread(0.11), spread(0.020), 1 + spread(0.3), midline)


def draw_arch(
    arch: DentalArch,
    variation: ToothVariation,
    across: FloatArray,
    down: FloatArray,
    turn: float,
    colours: MouthColours,
) -> tuple[FloatArray, FloatArray]:
    """The row in front of nothing: colour (h, w, 3), 0..255, and coverage (h, w), 0..1.

    `across` and `down` are (h, w) millimetres from the middle of the biting edge, `turn` the head's, radians, positive to
    the picture's right.
    """
    pixel = float(abs(across[0, 1] - across[0, 0]))
    angle = _arch_angle(across - variation.midline, arch.radius, turn)
    tooth = _TeethAlong(arch, variation, angle)
    from_edge = (-down if not arch.gum_below else down) + tooth.edge
    from_edge = from_edge - tooth.receding
    coverage: FloatArray = np.clip(from_edge / (1.2 * pixel) + 0.5, 0, 1).astype(np.float32)
    papilla = 1 - _PAPILLA * np.abs(tooth.position) ** 4  # the gum fills the corners between two necks
    gum = np.clip((from_edge - tooth.height * papilla) / 0.8 + 0.5, 0, 1)[..., None]
    towards_gum = np.clip(from_edge / tooth.height, 0, 1.3)
    enamel = colours.tooth * _tint(towards_gum, tooth.tint) * _shading(arch, tooth, angle, towards_gum)[..., None]
    flesh = colours.gum * (0.9 * (0.42 + 0.5 * np.cos(angle) ** 1.5))[..., None]
    colour: FloatArray = (enamel * (1 - gum) + flesh * gum).astype(np.float32)
    return colour, coverage


class _TeethAlong:
    """Which tooth stands at each pixel's angle, and where on it the pixel lies (-1 towards the middle, 1 towards the back)."""

    def __init__(self, arch: DentalArch, variation: ToothVariation, angle: FloatArray) -> None:
        side = (angle > 0).astype(int)
        arc = np.abs(arch.radius * angle)
        widths = np.asarray(arch.widths, np.float32) * variation.width
        ends = np.cumsum(widths, axis=1)
        index = np.minimum(np.where(side == 0, np.searchsorted(ends[0], arc), np.searchsorted(ends[1], arc)), _PER_SIDE - 1)
        self.width: FloatArray = widths[side, index]
        middle = ends[side, index] - self.width / 2
        self.position: FloatArray = np.clip((arc - middle) / (self.width / 2), -1, 1).astype(np.float32)
        self.height: FloatArray = np.asarray(arch.heights, np.float32)[index]
        self.edge: FloatArray = np.asarray(arch.edges, np.float32)[index] + variation.edge[side, index]
        self.edge = self.edge + variation.slope[side, index] * self.position
        self.tint: FloatArray = _TINT_BY_TOOTH[index] + variation.tint[side, index]
        self.receding: FloatArray = _receding(arch, index, self.position)
        inner = np.where(index > 0, variation.seam[side, np.maximum(index - 1, 0)], 1.0)
        self.seam: FloatArray = np.where(self.position > 0, variation.seam[side, index], inner).astype(np.float32)


def _receding(arch: DentalArch, index: NDArray[np.int_], position: FloatArray) -> FloatArray:
    """Millimetres by which a tooth's outline stays behind its edge: round corners or the slopes of a cusp."""
    mesial, distal, cusp = (np.asarray(v, np.float32)[index] for v in (arch.mesial, arch.distal, arch.cusp))
    corners = np.where(position < 0, np.abs(position) ** 6, np.abs(position) ** 4)
    slopes = (np.sqrt(position**2 + _CUSP_ROUNDING**2) - _CUSP_ROUNDING) / (np.sqrt(1 + _CUSP_ROUNDING**2) - _CUSP_ROUNDING)
    receding: FloatArray = np.where(position < 0, mesial, distal) * ((1 - cusp) * corners + cusp * slopes)
    return receding.astype(np.float32)


def _arch_angle(across: FloatArray, radius: float, turn: float) -> FloatArray:
    """Angle on the arch seen at `across`: in the turned head the far teeth lie behind the near ones."""
    x = np.asarray(across, np.float32)
    for _ in range(3):
        behind = radius - np.sqrt(np.maximum(radius**2 - x * x, 1e-6))
        x = np.clip((across + np.sin(turn) * behind) / np.cos(turn), -0.985 * radius, 0.985 * radius)
    angle: FloatArray = np.arcsin(x / radius).astype(np.float32)
    return angle


def _shading(arch: DentalArch, tooth: _TeethAlong, angle: FloatArray, towards_gum: FloatArray) -> FloatArray:
    """Light falls from the front: rows darken to the back, teeth to their sides; lines between them."""
    side = np.abs(tooth.position)
    around = 0.24 + 0.76 * np.cos(angle) ** 1.1
    body = (1 - 0.10 * side**2.5) * (0.92 + 0.08 * np.clip(towards_gum * 4, 0, 1)) * (1 - 0.10 * np.clip(towards_gum - 0.5, 0, 1))
    gleam = 1 + 0.06 * np.exp(-((tooth.position + 0.2) ** 2) / 0.10) * smoothstep(towards_gum, 0.1, 0.5)
    from_seam = (1 - side) * tooth.width / 2
    seam = arch.seam * tooth.seam * np.exp(-from_seam / 0.28) * smoothstep(towards_gum, 0.0, 0.25)
    shade: FloatArray = (around * body * gleam * (1 - seam)).astype(np.float32)
    return shade


def _tint(towards_gum: FloatArray, tint: FloatArray) -> FloatArray:
    """Factor (h, w, 3): warmer at the neck, bluish where the edge is translucent, a little different on every tooth."""
    warm = np.clip(towards_gum - 0.35, 0, 1)[..., None] * np.array([0.01, -0.03, -0.10], np.float32)
    cool = np.clip(1 - towards_gum * 5, 0, 1)[..., None] * np.array([-0.09, -0.05, -0.02], np.float32)
    factor: FloatArray = (1 + warm + cool + tint[..., None]).astype(np.float32)
    return factor
