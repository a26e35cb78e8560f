"""Head motion and breathing: which part of the picture turns with the head, around what, and at what depth."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.curves import Array, smoothstep
from spark_avatar.engines.portrait.outline import FaceOutline
from spark_avatar.engines.portrait.rim import END, NARROW_END, START, at_nodes, follows
from spark_avatar.engines.portrait.thin_plate import ThinPlateSpline
from spark_avatar.engines.portrait.warp import Lattice, determinant
from spark_avatar.face.canonical import rotation_matrix
from spark_avatar.face.landmarks import FACE_SIDES
from spark_avatar.face.rig import HeadPose
from spark_avatar.media.arrays import FloatArray, Points
from spark_avatar.media.quality import QualityWarning

DEPTH_SMOOTHING: Final = (8e-4, 3e-2)
"""In the face's middle, and how much more at its sides. Five times as much in the middle flattens the nose by an eighth, and
turned heads with it; less at the sides, where the cheeks fall off steeply, makes the face's outline jagged when it turns."""
TURNED: Final = 6.0
"""Degrees of yaw at which the portrait's depth is smoothed twice as much: nose and far cheek of a turned face lie so close
together that they would fold over each other."""
SIDES: Final = (0.5, 0.85)
"""Radius, relative to the face, from where to where its sides begin."""
READ_SHARE: Final = np.array([0.85, 0.75, 1.0])
"""How much of a true turn (yaw, pitch, roll) the face mesh reads on a turned picture. Optical flow finds the turn complete
on it; the mesh, which was trained to be likely, holds back. Tracks are measured with the mesh, so that their angles are
readings too."""
BREATH_LIFT: Final = 0.012
"""E that the torso rises with a full breath."""
PIVOT_BELOW_EARS: Final = 0.45
"""E from the midpoint of the ears down to the joint of head and neck."""
CAMERA_DISTANCE: Final = 8.0
"""E from a camera to a head in an ordinary portrait (0.7 m): how much larger a nearer head looks."""
MOST_DEGREES: Final = np.array([12.5, 12.5, 10.0])
"""Limits of the added yaw, pitch and roll, as the mesh reads them: beyond them a flat picture gives itself away. From
`KNEE` of a limit on the angles level off."""
AXES: Final = ("its turn to the side (yaw)", "its nod (pitch)", "its tilt (roll)")
KNEE: Final = 0.75
LEAST_DEGREES: Final = 3.0
LIMIT_STEP: Final = 0.88
LEAST_AREA: Final = 0.2
MOST_AREA: Final = 1.75
"""How much smaller and larger a turn may make any part of the head."""
TEST_NODES: Final = 33
"""Nodes per E at which that is tested."""
MOST_SHIFT: Final = 0.08
"""Limit of each added translation in E."""

# The head with its hair moves fully inside an ellipse around the face; from there to the outer radius motion fades. Where a
# matte tells what is background the fade may be wide; without one the background moves along and the fade is narrow.
HEAD_SIDE: Final = 0.22
HEAD_HEIGHT: Final = 0.38
HEAD_RAISED: Final = 0.28
FADE_WITH_MATTE: Final = (1.35, 3.0)
FADE_WITHOUT_MATTE: Final = (0.95, 2.1)
NECK: Final = (-0.05, 1.15)
"""E below the chin over which the motion goes over to the shoulders."""
SHOULDER_SHARE: Final = 0.04
LEANING_SHARE: Final = 0.4
"""Of the head's shift, where a matte keeps the background still: who leans takes the shoulders along (in three filmed speakers
the upper torso sways by 0.4 to 1 of what the head does)."""
BREATH_START: Final = (0.35, 1.5)
"""E below the chin over which breathing sets in."""
RIM_WIDENS: Final = (0.0, 0.25)
"""E from the picture's edges over which the background next to the head comes to give way as widely as elsewhere."""
EDGE_FADE: Final = 0.34
"""E over which motion fades towards the edge of the window."""


@dataclass(frozen=True, eq=False)
class HeadTransform:
    """A rigid motion of the head: p -> matrix (p - pivot) + pivot + shift."""

    matrix: FloatArray
    """(3, 3): rotation, scaled by the change of distance to the camera."""
    shift: FloatArray
    """(2,), output pixels."""


@dataclass(frozen=True, eq=False)
class HeadField:
    """Head geometry at the nodes of one lattice, each (rows, columns)."""

    x: FloatArray
    """Relative to the pivot, output pixels; y and z too."""
    y: FloatArray
    z: FloatArray
    weight_x: FloatArray
    """0..1, share of the head's motion across the picture."""
    weight_y: FloatArray
    """The same down the picture."""
    shift_x: FloatArray
    """0..1, share of the head's shift across the picture, of which the shoulders have more."""
    shift_y: FloatArray
    """The same down the picture."""
    breath: FloatArray
    """Rise with a full breath, output pixels."""

    def displacement(self, transform: HeadTransform, breath: float, expression: FloatArray | None) -> FloatArray:
        """(rows, columns, 2): where the nodes go, output pixels; `expression` (3, rows, columns) comes first."""
        m = transform.matrix
        x, y, z = (self.x, self.y, self.z) if expression is None else (self.x + expression[0], self.y + expression[1], self.z)
        if expression is not None:
            z = z + expression[2]
        across = (m[0, 0] - 1) * x
        across += m[0, 1] * y
        across += m[0, 2] * z
        across *= self.weight_x
        across += transform.shift[0] * self.shift_x
        down = m[1, 0] * x
        down += (m[1, 1] - 1) * y
        down += m[1, 2] * z
        down *= self.weight_y
        down += transform.shift[1] * self.shift_y
        if breath:
            down -= np.float32(breath) * self.breath
        if expression is not None:
            across += expression[0]
            down += expression[1]
        moved: FloatArray = cv2.merge([across, down]).astype(np.float32, copy=False)
        return moved


class Head:
    """The head of one portrait."""

    def __init__(self, canvas: Canvas, outline: FaceOutline, frame_size: tuple[int, int], distance: FloatArray | None) -> None:
        """`distance` from the person, as of `rim`, where the portrait's own background is kept."""
        self._canvas, self._outline, self._distance = canvas, outline, distance
        self._frame_size = frame_size
        points, eye_distance = canvas.points, canvas.eye_distance
        ears = points[list(FACE_SIDES)]
        self.pivot: Points = ears.mean(axis=0)
        """(3,), output pixels."""
        self.pivot[:2] += outline.down * PIVOT_BELOW_EARS * eye_distance
        self._back = float(np.percentile(points[:468, 2], 97))
        sources, depths = self._depth_samples()
        places = sources.T.astype(np.float32)
        sides = smoothstep(outline.ellipse_radius(places[0], places[1], 0.0, 0.0), *SIDES)
        middle = DEPTH_SMOOTHING[0] * (1 + (canvas.yaw / TURNED) ** 2)
        smoothing = middle + DEPTH_SMOOTHING[1] * sides
        self._depth = ThinPlateSpline((sources - outline.centre) / eye_distance, depths[:, None] / eye_distance, smoothing)

        self._limits = self._turning_limits()

    def transform(self, rotation: FloatArray, translation: FloatArray) -> HeadTransform:
        """The motion of yaw, pitch and roll in degrees (signs of `HeadPose`) and x, y, z in E (axes of `Points`)."""
        limits = np.where(rotation < 0, self._limits[0], self._limits[1])
        angles = np.copysign(_level_off(np.abs(rotation), limits), rotation)
        angles[:2] /= max(1.0, float(np.hypot(*(angles[:2] / limits[:2]))))
        return self._unlimited(angles, np.clip(translation, -MOST_SHIFT, MOST_SHIFT))

    def beyond_limits(self, rotation: FloatArray, translation: FloatArray) -> QualityWarning | None:
        """What a caller should know of a motion, (frames, 3) each as for `transform`, that goes on where the limits end."""
        limits = np.where(rotation < 0, self._limits[0], self._limits[1])
        frame, axis = np.unravel_index(np.argmax(np.abs(rotation) / limits), rotation.shape)
        turn, most_turn, shift = abs(rotation[frame, axis]), limits[frame, axis], np.abs(translation).max()
        beyond = []
        if turn > most_turn:
            beyond.append(f"{AXES[axis]} reaches {turn:.1f} degrees, of which this portrait bears {most_turn:.1f}")
        if shift > MOST_SHIFT:
            beyond.append(f"its shift reaches {shift:.2f} eye distances, of which {MOST_SHIFT:g} are shown")
        if not beyond:
            return None
        text = f"The track moves the head further than the picture can follow: {'; '.join(beyond)}. Beyond that the head stays."
        return QualityWarning("track_beyond_range", text)

    def _unlimited(self, angles: Array, translation: FloatArray) -> HeadTransform:
        x, y, z = translation
        turn = rotation_matrix(HeadPose(*(float(angle) for angle in angles / READ_SHARE)))
        matrix = turn.astype(np.float32) * (CAMERA_DISTANCE / (CAMERA_DISTANCE + z))
        return HeadTransform(
            matrix.astype(np.float32), np.array([x, y], dtype=np.float32) * np.float32(self._canvas.eye_distance)
        )

    def _turning_limits(self) -> Array:
        """(2, 3): how far yaw, pitch and roll may go to the negative and to the positive side, degrees as the mesh reads them.

        Folds begin where a turned face is foreshortened too much, stretches where the picture's edge cuts the head off and
        holds it.
        """
        outline = self._outline
        lattice = Lattice.covering((0, 0, *self._canvas.size), max(2, round(self._canvas.eye_distance / TEST_NODES)))
        x, y = lattice.nodes()
        head = outline.ellipse_radius(x, y, HEAD_SIDE, HEAD_HEIGHT, HEAD_RAISED) < 0.9
        _, v = outline.local(x, y, outline.centre)
        width, height = self._canvas.size
        watched = head & (v < outline.chin) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
        if self._distance is not None:
            watched &= at_nodes(self._distance, lattice) < START
        field, still = self.field(lattice), np.zeros(3, np.float32)

        def bears(axis: int, angle: float) -> bool:
            angles = np.zeros(3)
            angles[axis] = angle
            area = determinant(field.displacement(self._unlimited(angles, still), 0.0, None), lattice.step)[watched]
            return bool(area.min(initial=1.0) > LEAST_AREA and area.max(initial=1.0) < MOST_AREA)

        limits = np.stack([MOST_DEGREES, MOST_DEGREES])
        for row, sign in enumerate((-1, 1)):
            for axis in range(3):
                while limits[row, axis] > LEAST_DEGREES and not bears(axis, sign * limits[row, axis]):
                    limits[row, axis] *= LIMIT_STEP
        found: Array = limits
        return found

    def _depth_at(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Depth at window pixels, output pixels."""
        eye_distance, centre = np.float32(self._canvas.eye_distance), self._outline.centre.astype(np.float32)
        places = np.stack([x.ravel() - centre[0], y.ravel() - centre[1]], axis=1) / eye_distance
        depth = self._depth(places).reshape(x.shape) * eye_distance
        return np.minimum(depth, np.float32(self._back) + np.float32(0.4) * eye_distance)

    def field(self, lattice: Lattice) -> HeadField:
        """Everything the lattice's nodes need to know of the head."""
        x, y = lattice.nodes()
        eye_distance = np.float32(self._canvas.eye_distance)
        depth = self._depth_at(x, y)
        pivot = self.pivot.astype(np.float32)
        weight_x, weight_y, shift_x, shift_y, breath = self._weights(lattice)
        return HeadField(
            x=x - pivot[0],
            y=y - pivot[1],
            z=depth - pivot[2],
            weight_x=weight_x,
            weight_y=weight_y,
            shift_x=shift_x,
            shift_y=shift_y,
            breath=breath * np.float32(BREATH_LIFT) * eye_distance,
        )

    def _depth_samples(self) -> tuple[Points, Points]:
        """The mesh's own depths, and two rings behind it for hair, ears, neck and shoulders."""
        outline, eye_distance = self._outline, self._canvas.eye_distance
        sources, depths = [self._canvas.points[:468:2, :2]], [self._canvas.points[:468:2, 2]]
        outwards = outline.oval[:, :2] - outline.centre
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
        below = np.maximum(outwards @ outline.down, 0)
        for distance, behind, chest in ((0.35, 0.05, 0.25), (0.9, 0.15, 0.2)):
            sources.append(outline.oval[:, :2] + outwards * distance * eye_distance)
            depths.append(self._back + (behind + chest * below) * eye_distance)
        return np.concatenate(sources), np.concatenate(depths)

    def _weights(self, lattice: Lattice) -> tuple[FloatArray, ...]:
        """Shares of the head's turn and shift across and down the picture, and of breathing: as in `HeadField`."""
        outline, eye_distance = self._outline, self._canvas.eye_distance
        x, y = lattice.nodes()
        radius = outline.ellipse_radius(x, y, HEAD_SIDE, HEAD_HEIGHT, HEAD_RAISED)
        start, end = FADE_WITH_MATTE if self._canvas.matte is not None else FADE_WITHOUT_MATTE
        _, v = outline.local(x, y, outline.centre)
        below_chin = (v - outline.chin) / eye_distance
        head, shoulders = 1 - smoothstep(radius, start, end), smoothstep(below_chin, *NECK)
        turning = head * (1 - (1 - SHOULDER_SHARE) * shoulders)
        shifted = head * (1 - shoulders) + LEANING_SHARE * shoulders if self._canvas.matte is not None else turning
        across, down = self._edge_fades(x, y)
        breath = smoothstep(below_chin, *BREATH_START) * down
        if self._distance is not None:
            wide = (1 - shoulders) * smoothstep(self._from_edge(x, y) / eye_distance, *RIM_WIDENS)
            going_along = follows(at_nodes(self._distance, lattice), NARROW_END + (END - NARROW_END) * wide)
            turning, shifted, breath = turning * going_along, shifted * going_along, breath * going_along
        leaning = shifted * (1 - shoulders + shoulders * down)  # from the hips: nothing slides along the lower edge
        weights = (turning * across, turning * down, leaning * across, leaning * down, breath)
        return tuple(weight.astype(np.float32) for weight in weights)

    def _edge_fades(self, x: FloatArray, y: FloatArray) -> tuple[Array, Array]:
        """Factors that still the motion across and down the picture towards the window's edges.

        At the picture's own edges only what goes over them must fade: along them everything may slide. A little is left
        there too, so that hair that is cut off doesn't look pinned.
        """
        x0, y0, x1, y1 = self._canvas.window
        width, height = self._frame_size
        reach = min(EDGE_FADE * self._canvas.eye_distance, 0.10 * min(width, height))
        across = down = np.ones_like(x, dtype=np.float64)
        for distance, at_picture_edge, is_side in (
            (x, x0 == 0, True),
            ((x1 - x0 - 1) - x, x1 == width, True),
            (y, y0 == 0, False),
            ((y1 - y0 - 1) - y, y1 == height, False),
        ):
            fade = smoothstep(distance, -0.16 * reach if at_picture_edge else 0.5, reach)
            across = across * (fade if is_side or not at_picture_edge else 1.0)
            down = down * (fade if not is_side or not at_picture_edge else 1.0)
        return across, down

    def _from_edge(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Output pixels to the nearest edge of the picture, at window pixels."""
        left, top, *_ = self._canvas.window
        width, height = self._frame_size
        x, y = x + left, y + top
        return np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))

    def reach(self, field: HeadField) -> float:
        """The furthest that the limits let any node of a field go, output pixels."""
        furthest = 0.0
        for signs in product((-1, 1), repeat=3):
            transform = self.transform(np.array(signs, dtype=np.float32) * 90, np.zeros(3, np.float32))
            moved = field.displacement(transform, 0.0, None)
            furthest = max(furthest, float(np.abs(moved).max()))
        return furthest + (MOST_SHIFT + BREATH_LIFT) * self._canvas.eye_distance


def _level_off(angles: FloatArray, limits: Array) -> Array:
    """(3,): angles from 0 on, unchanged up to `KNEE` of their limits, beyond it approaching them."""
    knee = KNEE * limits
    levelled: Array = np.where(angles <= knee, angles, knee + (limits - knee) * np.tanh((angles - knee) / (limits - knee)))
    return levelled
