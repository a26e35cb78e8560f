"""The picture that is animated, at the size it is shown: where it moves, and what it is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Matte, Points, RGBImage

TEXTURE_SCALE = 2
"""Texture pixels per output pixel. Bilinear sampling of a texture of twice the size is as sharp as bicubic sampling of one
of the same size, at a fifth of the time."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A portrait at output size. Only the window moves; the rest of the frame is `base` in every frame.

    All geometry of the engine (`points`, masks, fields) is in output pixels relative to the window's corner.
    """

    base: RGBImage
    """(height, width, 3): the whole frame, at rest. Sides are even."""
    window: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the frame: everything that can ever move lies inside."""
    texture: RGBImage
    """The window at `TEXTURE_SCALE` times its size."""
    points: Points
    """(478, 3): landmarks in output pixels of the window, z in the same unit."""
    eye_distance: float
    """E: distance of the outer eye corners of the fitted mean face, output pixels."""
    rotation: Points
    """(3, 3): canonical face to head pose."""
    yaw: float
    """Of the portrait's head, degrees."""
    native_scale: float
    """Pixels of the source per output pixel: under 1 the picture is enlarged and soft."""
    grey: bool
    """A black-and-white picture."""
    matte: Matte | None
    """(window height, window width), None where the segmentation cannot be trusted."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window in output pixels."""
        x0, y0, x1, y1 = self.window
        return x1 - x0, y1 - y0


@dataclass(frozen=True, eq=False)
class MouthFrame:
    """The mouth's own axes and the lips' inner edges in the portrait.

    Mouth coordinates (a, b) of a point p: a = (p - centre) . across, b = (p - centre) . down, in output pixels.
    """

    centre: Points
    """(2,): midway between the corners (landmarks 61 and 291), window pixels."""
    across: Points
    """(2,): unit vector from 61 to 291 (towards the subject's left)."""
    down: Points
    """(2,): unit vector towards the chin."""
    width: float
    """Distance of the corners."""
    inner_half_width: float
    """Half the distance of the inner corners (78 and 308)."""
    line_a: NDArray[np.float64]
    """(81,): a from corner to corner."""
    upper_b: NDArray[np.float64]
    """(81,): lower edge of the upper lip at `line_a`."""
    lower_b: NDArray[np.float64]
    """(81,): upper edge of the lower lip, never above `upper_b`."""
    gap: float
    """Inner-lip gap of the portrait in E."""
    is_open: bool
    """The portrait shows the inside of the mouth."""
    smile: float
    """0..1: the corners are already pulled apart."""
    snapped: Points
    """(468, 2): the landmarks with the inner lips moved onto the lines."""
    closing: Points
    """(468, 3): displacement in output pixels that closes the portrait's mouth; zero if it is closed."""

    def to_mouth(self, points: Points) -> Points:
        """(n, 2) window pixels to (n, 2) mouth coordinates."""
        offset = points[:, :2] - self.centre
        return np.stack([offset @ self.across, offset @ self.down], axis=1)
