"""The face's own axes and size in the picture, shared by everything that is placed around it."""

from dataclasses import dataclass

import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas, MouthFrame
from spark_avatar.face.landmarks import CHIN, FACE_OVAL, FACE_SIDES, FOREHEAD_TOP
from spark_avatar.media.arrays import FloatArray, Points


@dataclass(frozen=True, eq=False)
class FaceOutline:
    """Centre, axes and half-sizes of the face, output pixels of the window."""

    centre: Points
    """(2,): midway between the top of the forehead and the chin."""
    across: Points
    """(2,): unit vector along the mouth."""
    down: Points
    """(2,): unit vector towards the chin."""
    half_width: float
    half_height: float
    eye_distance: float
    oval: Points
    """(18, 3): every other point of the outline."""
    chin: float
    """Distance of the chin below `centre`."""

    def local(self, x: FloatArray, y: FloatArray, origin: Points) -> tuple[FloatArray, FloatArray]:
        """Coordinates along `across` and `down` of window pixels, relative to `origin`."""
        dx, dy = x - np.float32(origin[0]), y - np.float32(origin[1])
        a, d = self.across.astype(np.float32), self.down.astype(np.float32)
        return dx * a[0] + dy * a[1], dx * d[0] + dy * d[1]

    def ellipse_radius(
        self, x: FloatArray, y: FloatArray, side_margin: float, height_margin: float, raised: float = 0.0
    ) -> FloatArray:
        """Radius relative to the ellipse around the face, widened by margins in E, its centre raised by `raised` E."""
        u, v = self.local(x, y, self.centre - self.down * raised * self.eye_distance)
        width = self.half_width + side_margin * self.eye_distance
        height = self.half_height + height_margin * self.eye_distance
        radius: FloatArray = np.hypot(u / np.float32(width), v / np.float32(height))
        return radius


def face_outline(canvas: Canvas, mouth: MouthFrame) -> FaceOutline:
    """Measures the face in the portrait."""
    points = canvas.points
    top, chin = points[FOREHEAD_TOP, :2], points[CHIN, :2]
    centre = (top + chin) / 2
    return FaceOutline(
        centre=centre,
        across=mouth.across,
        down=mouth.down,
        half_width=float(np.linalg.norm(points[FACE_SIDES[0], :2] - points[FACE_SIDES[1], :2])) / 2,
        half_height=float(np.linalg.norm(chin - top)) / 2,
        eye_distance=canvas.eye_distance,
        oval=points[list(FACE_OVAL[::2])],
        chin=float((chin - centre) @ mouth.down),
    )
