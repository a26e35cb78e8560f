"""Shapes of the mouth beyond the measured space: one side alone, sideways, pushed forward, tucked, together beside the middle.

The measured lip space is symmetric. What one side of the mouth does more than the other is the same measured displacement
with opposite signs on both sides, blended across the middle. What the measurements don't hold (lips and jaw going sideways,
pushed forward, the lower lip under the upper teeth, lips that part in the middle first) is built on the mean face.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from spark_avatar.engines.portrait.curves import Array, smoothstep
from spark_avatar.engines.portrait.lip_space import CONTROLS, MouthControls, lip_space
from spark_avatar.face.canonical import canonical_face
from spark_avatar.face.landmarks import (
    CHIN,
    LOWER_INNER,
    LOWER_MIDDLE,
    LOWER_OUTER,
    MOUTH_CORNERS,
    UPPER_INNER,
    UPPER_MIDDLE,
    UPPER_OUTER,
)
from spark_avatar.media.arrays import FloatArray, Points


@dataclass(frozen=True)
class MouthShaping:
    """What is added to `MouthControls`, in E unless said; all zero adds nothing.

    A side's value is the mean of both sides in `MouthControls` plus (subject's left) or minus (right) this.
    """

    width_side: float = 0.0
    corner_side: float = 0.0
    raise_side: float = 0.0
    drop_side: float = 0.0
    shift: float = 0.0
    """Both lips to the subject's left."""
    jaw_shift: float = 0.0
    """The jaw to the subject's left."""
    protrusion: float = 0.0
    """0..1: lips pushed forward."""
    tuck: float = 0.0
    """0..1: the lower lip under the upper teeth, as for f and v."""
    seal_sides: float = 0.0
    """E of the gap in the middle for which the lips stay together half-way to the corners."""
    seal_corners: float = 0.0
    """The same next to the corners."""

    def vector(self) -> FloatArray:
        """(10,) in the order of `SHAPINGS`."""
        return np.array([getattr(self, name) for name in SHAPINGS], dtype=np.float32)


AS_MEASURED: Final = MouthShaping()
"""Nothing added."""
SHAPINGS: Final = tuple(field.name for field in fields(MouthShaping))
"""Order of the displacements."""
SIDED: Final = ("width", "corner", "upper_raise", "lower_drop")
"""The controls behind the four `..._side` values."""

MIDDLE: Final = 0.16
"""E to both sides of the face's middle over which one side goes over into the other."""
SHIFT_REACH: Final = 0.34
"""E around the mouth that its sideways motion takes along (standard deviation)."""
FORWARD: Final = 0.10
"""E that fully protruded lips come nearer."""
GROWTH: Final = 0.07
"""How much larger fully protruded lips look."""
TUCKED: Final = MouthControls(open=0.046, upper_raise=0.042, width=0.015, lower_drop=-0.010, lower_thickness=-0.014)
"""What f and v do beside the roll of the lower lip: the upper lip uncovers the teeth's edges."""
TUCK_BACK: Final = 0.04
"""E that the lower lip goes behind the upper teeth."""
SEALED_SIDES: Final = (0.42, 0.62)
SEALED_CORNERS: Final = (0.6, 0.85)
"""Shares of the way to a corner where either seal begins, and from where on it is whole."""
LENS: Final = 0.7
"""The measured opening at a share u of the way to a corner is (1 - u^2)^0.7 of that in the middle."""
SEALED_BY_UPPER: Final = 0.4
"""Share of the way that the upper lip comes."""
OUTER_FOLLOWS: Final = 0.7
"""Share of it that the lips' outer edges go along."""


def shaping_displacements() -> Points:
    """(10, 468, 3): displacement of each mesh point per unit of each shaping, E, in the canonical face's axes."""
    points = canonical_face().mean[:468]
    centre = points[list(MOUTH_CORNERS)].mean(axis=0)
    side = (2 * smoothstep(points[:, 0], -MIDDLE, MIDDLE) - 1)[:, None]
    sided = [lip_space().basis[CONTROLS.index(name)] * side for name in SIDED]
    along_x, along_z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    around = _bump(points, centre, SHIFT_REACH)
    lips = _bump(points, centre, 0.26)
    forward = -FORWARD * lips * along_z + GROWTH * lips * (points - centre) * np.array([0.6, 1.0, 0.0])
    lower_lip = np.zeros((468, 1))
    lower_lip[list(LOWER_INNER[1:-1] + LOWER_MIDDLE)] = 1.0
    lower_lip[list(LOWER_OUTER[1:-1])] = 0.5
    tucked = np.einsum("k,kvi->vi", TUCKED.vector(), lip_space().basis) + TUCK_BACK * lower_lip * along_z
    return np.stack([*sided, around * along_x, _jaw_share(points) * along_x, forward, tucked, *_seals(points)])


def _seals(points: Points) -> tuple[Points, Points]:
    """Both (468, 3): what brings the lips together again, half-way to the corners and next to them, where the measured opening,
    a lens, parts them by as much as 1 E in the middle.
    """
    right, left = (points[LOWER_INNER[end], 0] for end in (0, -1))
    to_corner = np.abs(points[:, 0] - (left + right) / 2) / ((left - right) / 2)
    share = np.zeros(468)
    for lip, way in (
        ((UPPER_INNER, UPPER_MIDDLE, UPPER_OUTER), SEALED_BY_UPPER),
        ((LOWER_INNER, LOWER_MIDDLE, LOWER_OUTER), SEALED_BY_UPPER - 1),
    ):
        inner, middle, outer = lip
        share[list(inner + middle)] = way
        share[list(outer[1:-1])] = OUTER_FOLLOWS * way
    together = (share * np.clip(1 - to_corner**2, 0, 1) ** LENS)[:, None] * np.array([0.0, 1.0, 0.0])
    corners = smoothstep(to_corner, *SEALED_CORNERS)[:, None]
    return together * (smoothstep(to_corner, *SEALED_SIDES)[:, None] - corners), together * corners


def _bump(points: Points, centre: Points, reach: float) -> Array:
    """(468, 1): 1 at the mouth, falling off around it; never up to the nose's bridge or beyond the cheeks."""
    offset = (points[:, :2] - centre[:2]) / np.array([1.25 * reach, reach])
    bump: Array = np.exp(-0.5 * (offset**2).sum(axis=1))[:, None]
    return bump


def _jaw_share(points: Points) -> Array:
    """(468, 1): 1 at the chin, less at the lower lip and towards the jaw's joints, nothing above the upper lip."""
    top, chin = float(points[list(UPPER_OUTER), 1].mean()), float(points[CHIN, 1])
    down = (points[:, 1] - top) / (chin - top)
    share: Array = smoothstep(down, -0.1, 0.75) * (1 - smoothstep(np.abs(points[:, 0]), 0.42, 0.80))
    return share[:, None]
