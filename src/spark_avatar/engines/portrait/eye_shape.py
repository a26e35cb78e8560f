"""The geometry of one eye: its axes, its lids and how every pixel around it lies to them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas
from spark_avatar.engines.portrait.curves import curve_through
from spark_avatar.engines.portrait.eye_fit import fit_outline
from spark_avatar.engines.portrait.picture_traits import smoothstep
from spark_avatar.face.landmarks import OUTER_EYE_CORNERS, EyeLandmarks
from spark_avatar.media.arrays import FloatArray, Points

_LID_SAMPLES = 65


@dataclass(frozen=True, eq=False)
class EyeShape:
    """One eye in the texture. Lengths are texture pixels; maps are (h, w) over `box`.

    Along the eye runs `across` (corner to corner, towards the picture's right), over it `down`.
    """

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the texture."""
    eye_distance: float
    across: Points
    down: Points
    width: float
    """Distance of the corners."""
    opening: float
    """Largest distance of the lids."""
    iris: Points
    """(2,): its middle, along and over the eye from the middle of the corners."""
    iris_radius: float
    x: FloatArray
    """Pixel positions in the patch."""
    y: FloatArray
    along: FloatArray
    over: FloatArray
    below_lid: FloatArray
    """Distance below the upper lid's edge, negative above it."""
    height: FloatArray
    """Distance of the lids in the pixel's column, 0 beyond the corners."""
    reach: FloatArray
    """How far above the edge the upper lid's skin stretches: four fifths of the way to the brow."""
    beyond: FloatArray
    """Distance beyond the nearer corner, negative between the corners."""
    overshoot: float
    """How far the lids must close beyond the lower lid's curve to meet its true edge."""
    temple_side: int
    """Sign of `along` at the outer corner: -1 for the subject's right eye, 1 for the left."""

    @property
    def patch_size(self) -> tuple[int, int]:
        """Width and height of the patch."""
        x0, y0, x1, y1 = self.box
        return x1 - x0, y1 - y0

    def part(self, cut: tuple[slice, slice]) -> "EyeShape":
        """The same eye with maps of some rows and columns only; positions still count from the whole patch's corner."""
        maps = ("x", "y", "along", "over", "below_lid", "height", "reach", "beyond")
        return replace(self, **{name: getattr(self, name)[cut] for name in maps})

    @property
    def eyeball(self) -> FloatArray:
        """(h, w), 0..1: between the lids, 0 beyond the corners."""
        from_upper = np.clip(self.below_lid / 2.4 + 0.5, 0, 1) * (self.height > 0)
        return (from_upper * np.clip((self.height - self.below_lid) / 2.4 + 0.5, 0, 1)).astype(np.float32)

    @property
    def from_iris(self) -> FloatArray:
        """(h, w): distance from the middle of the iris in its radii."""
        distance = np.hypot(self.along - np.float32(self.iris[0]), self.over - np.float32(self.iris[1]))
        return (distance / np.float32(self.iris_radius)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class LidCurves:
    """The lids' edges as functions of the distance along the eye."""

    along: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]


def measure_eye(canvas: Canvas, landmarks: EyeLandmarks) -> EyeShape:
    """The shape of one eye of the canvas."""
    points = (canvas.points[:, :2] + 0.5) * TEXTURE_SCALE - 0.5
    temple_side = -1 if landmarks.upper[0] == OUTER_EYE_CORNERS[0] else 1
    upper_lid, lower_lid, overshoot = _fitted_lids(canvas, points, landmarks, temple_side)
    left, right = upper_lid[0], upper_lid[-1]
    width = float(np.linalg.norm(right - left))
    across = (right - left) / max(width, 1e-6)
    down = np.array([-across[1], across[0]])
    centre = (left + right) / 2

    def local(picked: Points) -> Points:
        return np.stack([(picked - centre) @ across, (picked - centre) @ down], axis=1)

    lids = _lid_curves(local(upper_lid), local(lower_lid), width)
    iris = local(points[list(landmarks.iris)])
    enlarged = width / max(float(np.linalg.norm(points[landmarks.upper[-1]] - points[landmarks.upper[0]])), 1e-6)
    iris_radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()) * enlarged
    box = _patch_box(centre, width, canvas.eye_distance * TEXTURE_SCALE, canvas.texture.shape)
    x, y = np.meshgrid(np.arange(box[2] - box[0], dtype=np.float32), np.arange(box[3] - box[1], dtype=np.float32))
    to_x, to_y = x + np.float32(box[0] - centre[0]), y + np.float32(box[1] - centre[1])
    along = (to_x * across[0] + to_y * across[1]).astype(np.float32)
    over = (to_x * down[0] + to_y * down[1]).astype(np.float32)
    upper = np.interp(along, lids.along, lids.upper).astype(np.float32)
    lower = np.interp(along, lids.along, lids.lower).astype(np.float32)
    opening = float(np.max(lids.lower - lids.upper))
    beyond = np.abs(along) - np.float32(width / 2)
    brow = local(points[list(landmarks.brow)])
    brow_along = np.linspace(brow[:, 0].min(), brow[:, 0].max(), 33)
    to_brow = upper - np.interp(along, brow_along, curve_through(brow, brow_along)).astype(np.float32)
    return EyeShape(
        box=box,
        eye_distance=canvas.eye_distance * TEXTURE_SCALE,
        across=across,
        down=down,
        width=width,
        opening=max(opening, 1.0),
        iris=iris[0],
        iris_radius=max(iris_radius, 1.0),
        x=x,
        y=y,
        along=along,
        over=over,
        below_lid=over - upper,
        height=np.where(beyond < 0, np.maximum(lower - upper, 0), np.float32(0)),
        reach=np.maximum(to_brow, 0.3 * opening + 1) * np.float32(0.80),
        beyond=beyond,
        overshoot=overshoot * width,
        temple_side=temple_side,
    )


def _fitted_lids(canvas: Canvas, points: Points, landmarks: EyeLandmarks, temple_side: int) -> tuple[Points, Points, float]:
    """Upper and lower lid, (n, 2) texture pixels, moved out to a drawn eye's true outline; the overshoot, eye widths."""
    upper, lower, iris = (points[list(chain)] for chain in (landmarks.upper, landmarks.lower, landmarks.iris))
    to_temple = (upper[-1] - upper[0]) * temple_side / max(float(np.linalg.norm(upper[-1] - upper[0])), 1e-6)
    radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
    around = np.concatenate([upper, lower[-2:0:-1]])
    fitted, overshoot = fit_outline(canvas.texture, around, iris[0], radius, to_temple)
    back = fitted[len(upper) :][::-1]
    return fitted[: len(upper)], np.concatenate([fitted[:1], back, fitted[len(upper) - 1 : len(upper)]]), overshoot


def _lid_curves(upper: Points, lower: Points, width: float) -> LidCurves:
    along = np.linspace(-width / 2, width / 2, _LID_SAMPLES)
    upper_edge = curve_through(upper, along)
    return LidCurves(along, upper_edge, np.maximum(curve_through(lower, along), upper_edge))


def _patch_box(centre: Points, width: float, eye_distance: float, texture_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Everything that a blink touches: the eye, its lids up to the brow, the skin beside and below, of which an eye seen from the
    side needs as much as the other.
    """
    x0, y0 = np.floor(centre - np.array([0.74, 0.85]) * width).astype(int)
    x1, y1 = np.ceil(centre + np.array([0.74 * width, max(0.50 * width, 0.19 * eye_distance)])).astype(int)
    height, full = texture_shape[:2]
    x0, y0 = np.clip(x0, 0, full - 8), np.clip(y0, 0, height - 8)
    return int(x0), int(y0), int(np.clip(x1, x0 + 8, full)), int(np.clip(y1, y0 + 8, height))


def corner_fade(shape: EyeShape, start: float, end: float) -> FloatArray:
    """1 between the corners, 0 from `end` eye widths beyond them (and from `start` on less than 1)."""
    return 1 - smoothstep(shape.beyond, start * shape.width, end * shape.width)
