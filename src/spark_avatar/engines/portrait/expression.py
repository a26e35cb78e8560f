"""How the face of one portrait moves: displacement fields of lips, jaw, cheeks and brows on lattices.

Two layers, cut where the lips meet. The upper layer is the whole face without the points of the lower lip; the lower layer
is the lower lip with a strip of chin, without the points of the upper lip. Each is a smooth field, so neither tears at the
cut; together they open the mouth.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import Canvas, MouthFrame
from spark_avatar.engines.portrait.curves import Array, smoothstep
from spark_avatar.engines.portrait.lip_space import CONTROLS, lip_space
from spark_avatar.engines.portrait.mouth_shaping import SHAPINGS, shaping_displacements
from spark_avatar.engines.portrait.outline import FaceOutline
from spark_avatar.engines.portrait.skin_motion import SKIN_MOTIONS, skin_displacements
from spark_avatar.engines.portrait.thin_plate import ThinPlateSpline
from spark_avatar.engines.portrait.warp import Lattice, determinant
from spark_avatar.face.landmarks import (
    CHIN_POINTS,
    INNER_LIP_PAIRS,
    LOWER_INNER,
    LOWER_MIDDLE,
    LOWER_OUTER,
    UPPER_INNER,
    UPPER_MIDDLE,
    UPPER_OUTER,
)
from spark_avatar.media.arrays import FloatArray, Points

EXPRESSION: Final = (*CONTROLS, *SHAPINGS, *SKIN_MOTIONS, "close")
"""Order of the coefficients: the lip space's controls, the shapings, the skin's motions, the closing of the portrait's own
mouth."""

SMOOTHING: Final = 2e-4
CROWDED: Final = 0.025
"""E: points closer to a neighbour (the far side of turned heads) are smoothed instead of interpolated."""
UNDER_LIP: Final = (0.012, 0.17)
UNDER_LIP_SMOOTHING: Final = 60.0
"""Skin just under the lower lip is smoothed: it folds where the lip drops further than the chin."""
FADE_MARGINS: Final = (0.45, 0.62)
"""E beyond the face, sideways and up and down, where expression ends."""
FADE_START: Final = 0.82

EXTREME: Final = {"open": 0.36, "jaw": 0.20, "lower_drop": 0.13, "upper_raise": 0.03}
GAINS: Final = (1.0, 0.92, 0.84, 0.76, 0.68, 0.60, 0.52)
SAFE_DETERMINANT: Final = 0.12
RAISED: Final = {"open": 0.19, "jaw": 0.13, "upper_raise": 0.06, "width": 0.11}
"""An opening whose raised upper lip crowds the skin above it, with frowning and with smiling corners."""
RAISED_CORNERS: Final = (-0.05, 0.055)
BORNE: Final = 0.84
"""Share of the extreme opening up to which folds are smoothed away where they are, instead of limiting the whole mouth."""
RELAXATIONS: Final = 3
RELAXED_SMOOTHING: Final = 6.0
RELAXED_REACH: Final = 0.06
"""E around a fold in which the points are smoothed six times as much, three times over at most."""
AROUND_LIPS: Final = (0.6, 0.4)
"""E sideways of the mouth and up and down of it in which the upper layer is watched for folds."""


@dataclass(frozen=True, eq=False)
class ExpressionBasis:
    """Displacements per unit of each coefficient."""

    upper: FloatArray
    """(coefficients, 3, rows, columns) on the face's lattice, output pixels."""
    lower: FloatArray
    """The same on the lips' lattice."""
    gap: FloatArray
    """(coefficients,): change of the inner-lip gap along the mouth's axis, E."""
    chin: FloatArray
    """(coefficients,): drop of the chin along the mouth's axis, output pixels."""
    gain: float
    """Share of the extreme opening at which the lower layer doesn't fold, 0.52..1."""


def build_expression(
    canvas: Canvas, mouth: MouthFrame, outline: FaceOutline, face_lattice: Lattice, lip_lattice: Lattice
) -> ExpressionBasis:
    """Fits the fields of one portrait."""
    displacements = _point_displacements(canvas, mouth, outline)
    upper_points = _without(LOWER_INNER[1:-1] + LOWER_MIDDLE + LOWER_OUTER[2:-2])
    lower_points = _without(UPPER_INNER[1:-1] + UPPER_MIDDLE + UPPER_OUTER[2:-2])
    raised = [_coefficients(RAISED | {"corner": corner}) for corner in RAISED_CORNERS]
    around = _around_lips(mouth, face_lattice, canvas.eye_distance)
    upper = _unfolded(canvas, mouth, outline, displacements, upper_points, face_lattice, _Watch(around, raised))
    below = below_line(mouth, lip_lattice) / np.float32(canvas.eye_distance)
    beneath = _Watch((below > -0.01) & (below < 0.35), [_coefficients(EXTREME, BORNE)])
    lower = _unfolded(canvas, mouth, outline, displacements, lower_points, lip_lattice, beneath)
    down = mouth.down
    upper_lip, lower_lip = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))
    gap = (displacements[:, lower_lip, :2] - displacements[:, upper_lip, :2]).mean(axis=1) @ down / canvas.eye_distance
    return ExpressionBasis(
        upper=upper,
        lower=lower,
        gap=gap.astype(np.float32),
        chin=(displacements[:, list(CHIN_POINTS), :2].mean(axis=1) @ down).astype(np.float32),
        gain=_safe_gain(lower, lip_lattice, beneath.where),
    )


@dataclass(frozen=True, eq=False)
class _Watch:
    """Where a layer must not fold, and for what."""

    where: NDArray[np.bool_]
    """(rows, columns) of the layer's lattice."""
    extremes: list[FloatArray]
    """Each (coefficients,)."""


def _coefficients(controls: dict[str, float], share: float = 1.0) -> FloatArray:
    """(coefficients,): a share of some controls with the portrait's own mouth closed."""
    found = np.zeros(len(EXPRESSION), dtype=np.float32)
    for name, value in controls.items():
        found[EXPRESSION.index(name)] = share * value
    found[EXPRESSION.index("close")] = 1.0
    return found


def _area(fields: FloatArray, lattice: Lattice, coefficients: FloatArray) -> FloatArray:
    """(rows, columns): what a displacement makes of the area around the nodes; under 0 it folds."""
    field = np.tensordot(coefficients, fields[:, :2], 1).transpose(1, 2, 0)
    return determinant(np.ascontiguousarray(field), lattice.step)


def _around_lips(mouth: MouthFrame, lattice: Lattice, eye_distance: float) -> NDArray[np.bool_]:
    """(rows, columns): nodes of the upper layer that are seen near the mouth, not those that it covers with the lower lip."""
    a, b = mouth.to_mouth(np.stack(lattice.nodes(), axis=-1, dtype=np.float64).reshape(-1, 2)).T.reshape(
        2, lattice.rows, lattice.columns
    )
    side, up = (reach * eye_distance for reach in AROUND_LIPS)
    seen = (b < np.interp(a, mouth.line_a, mouth.upper_b)) | (np.abs(a) > mouth.width / 2)
    return np.asarray(seen & (np.abs(a) < side) & (np.abs(b) < up), dtype=np.bool_)


def below_line(mouth: MouthFrame, lattice: Lattice) -> FloatArray:
    """(rows, columns): output pixels that the nodes lie below the upper edge of the lower lip.

    Beside the mouth there is no lip: the nodes there count as far above it.
    """
    x, y = lattice.nodes()
    offset_x, offset_y = x - mouth.centre[0], y - mouth.centre[1]
    a = offset_x * mouth.across[0] + offset_y * mouth.across[1]
    b = offset_x * mouth.down[0] + offset_y * mouth.down[1]
    below = b - np.interp(a, mouth.line_a, mouth.lower_b)
    return np.where(np.abs(a) > 0.55 * mouth.width, below - 99.0, below).astype(np.float32)


def _without(dropped: tuple[int, ...]) -> list[int]:
    left_out = set(dropped)
    return [i for i in range(468) if i not in left_out]


def _point_displacements(canvas: Canvas, mouth: MouthFrame, outline: FaceOutline) -> Points:
    """(coefficients, 468, 3): output pixels per unit."""
    measured = np.concatenate([lip_space().basis, shaping_displacements()])
    lips = np.einsum("kvi,ji->kvj", measured, canvas.rotation) * canvas.eye_distance
    return np.concatenate([lips, skin_displacements(canvas, outline), mouth.closing[None]])


def _unfolded(
    canvas: Canvas,
    mouth: MouthFrame,
    outline: FaceOutline,
    displacements: Points,
    kept: list[int],
    lattice: Lattice,
    watch: _Watch,
) -> FloatArray:
    """One layer's fields on a lattice, smoothed more around the places where an extreme would fold them.

    The inner lips are left alone: they say how far the mouth opens.
    """
    anchors = _anchors(outline)
    sources = np.concatenate([mouth.snapped[kept], anchors])
    values = np.concatenate([displacements[:, kept], np.zeros((len(displacements), len(anchors), 3))], axis=1)
    factors = _smoothing_factors(canvas, mouth, sources)
    inner = {*UPPER_INNER, *LOWER_INNER}
    free = np.array([i not in inner for i in kept] + [False] * len(anchors))
    nodes = np.stack(lattice.nodes(), axis=-1)
    fields = _fields(mouth, outline, sources, values, factors, lattice)
    for _ in range(RELAXATIONS):
        least = np.min([_area(fields, lattice, extreme) for extreme in watch.extremes], axis=0)
        folds = nodes[watch.where & (least < SAFE_DETERMINANT)]
        if not len(folds):
            break
        distances = np.linalg.norm(sources[:, None] - folds[None], axis=2).min(axis=1)
        factors[free & (distances < RELAXED_REACH * canvas.eye_distance)] *= RELAXED_SMOOTHING
        fields = _fields(mouth, outline, sources, values, factors, lattice)
    return fields


def _fields(
    mouth: MouthFrame, outline: FaceOutline, sources: Points, values: Points, factors: Array, lattice: Lattice
) -> FloatArray:
    """Smooth fields through (coefficients, sources, 3) values on a lattice."""
    eye_distance = outline.eye_distance
    spline = ThinPlateSpline(
        (sources - mouth.centre) / eye_distance, values.transpose(1, 0, 2).reshape(len(sources), -1), SMOOTHING * factors
    )
    x, y = lattice.nodes()
    fade = 1 - smoothstep(outline.ellipse_radius(x, y, *FADE_MARGINS), FADE_START, 1.0)
    moving = fade > 0
    places = np.stack([x[moving] - mouth.centre[0], y[moving] - mouth.centre[1]], axis=1) / eye_distance
    fields = np.zeros((len(values) * 3, *x.shape), dtype=np.float32)
    fields[:, moving] = (spline(places.astype(np.float32)) * fade[moving, None]).T
    return fields.reshape(len(values), 3, *x.shape)


def _anchors(outline: FaceOutline) -> Points:
    """Two rings of points around the face that don't move, wider below the chin."""
    oval = outline.oval[:, :2]
    outwards = (oval - outline.centre) / np.linalg.norm(oval - outline.centre, axis=1, keepdims=True)
    below = np.maximum(outwards @ outline.down, 0)[:, None]
    near = oval + outwards * outline.eye_distance * (0.28 + 0.42 * below**2)
    far = oval + outwards * outline.eye_distance * (0.7 + 0.5 * below)
    return np.concatenate([near, far])


def _smoothing_factors(canvas: Canvas, mouth: MouthFrame, sources: Points) -> Array:
    difference = sources[:, None] - sources[None]
    squared = np.einsum("ijk,ijk->ij", difference, difference)
    np.fill_diagonal(squared, np.inf)
    eye_distance = canvas.eye_distance
    nearest = np.maximum(np.sqrt(squared.min(axis=1)), 1e-6)
    factors: Array = np.clip(CROWDED * eye_distance / nearest, 1.0, 6.0) ** 2
    a, b = mouth.to_mouth(sources).T
    lower_edge = mouth.to_mouth(canvas.points[list(LOWER_OUTER)])
    beneath = b - np.interp(a, lower_edge[:, 0], lower_edge[:, 1])
    first, last = (distance * eye_distance for distance in UNDER_LIP)
    under_lip = (beneath > first) & (beneath < last) & (np.abs(a) < mouth.width / 2)
    factors[under_lip] = np.maximum(factors[under_lip], UNDER_LIP_SMOOTHING)
    return factors


def _safe_gain(lower: FloatArray, lattice: Lattice, watched: NDArray[np.bool_]) -> float:
    """The largest gain at which the extreme opening doesn't fold the skin below the lips."""
    gain = GAINS[0]
    for gain in GAINS:
        area = _area(lower, lattice, _coefficients(EXTREME, gain))
        if area[watched].min(initial=1.0) > SAFE_DETERMINANT:
            break
    return gain
