"""Square looks at a part of a picture: moved, turned, mirrored and scaled, and the way back."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.media.arrays import Points, RGBImage


@dataclass(frozen=True, eq=False)
class SquareCrop:
    """A square of the picture, seen at `size` x `size` pixels; beyond the picture its edge pixels go on."""

    centre: Points
    """(2,): in pixels of the picture."""
    side: float
    """In pixels of the picture."""
    angle: float
    """Radians, clockwise in the picture: the crop shows what is tilted by it upright."""
    size: int
    mirrored: bool = False

    @property
    def scale(self) -> float:
        """Pixels of the picture per pixel of the crop."""
        return self.side / self.size

    def cut(self, image: RGBImage) -> RGBImage:
        """(size, size, 3), averaged where the crop is smaller than the picture."""
        matrix = self._matrix()
        if self.scale <= 1.0:
            return self._warp(image, matrix, cv2.INTER_CUBIC)
        (x0, y0), (x1, y1) = self._bounds(image)
        part = image[y0:y1, x0:x1]
        width, height = (max(2, round(n / self.scale)) for n in (x1 - x0, y1 - y0))
        reduced = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        shrink = np.array([width / (x1 - x0), height / (y1 - y0)])
        matrix = np.column_stack([matrix[:, :2] * shrink[:, None], (matrix[:, 2] - [x0, y0] + 0.5) * shrink - 0.5])
        return self._warp(reduced, matrix, cv2.INTER_LINEAR)

    def to_image(self, points: Points) -> Points:
        """(n, 3) points of the crop in pixels of the picture."""
        matrix = self._matrix()
        xy = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.column_stack([xy, points[:, 2] * self.scale])

    def _matrix(self) -> NDArray[np.float64]:
        """(2, 3): crop pixels to picture pixels."""
        cosine, sine = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        turn = np.array([[cosine, -sine], [sine, cosine]]) * ([-1, 1] if self.mirrored else [1, 1])
        return np.column_stack([turn, self.centre - turn @ np.full(2, (self.size - 1) / 2)])

    def _bounds(self, image: RGBImage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The part of the picture under the crop, with a margin for the interpolation: x0, y0 and x1, y1."""
        height, width = image.shape[:2]
        reach = self.side / 2 * (abs(np.cos(self.angle)) + abs(np.sin(self.angle))) + 2 * self.scale + 1
        last = np.array([width - 1, height - 1])
        low = np.clip(np.floor(self.centre - reach), 0, last).astype(np.int64)
        high = np.clip(np.ceil(self.centre + reach), 0, last).astype(np.int64) + 1
        return low, high

    def _warp(self, image: RGBImage, matrix: NDArray[np.float64], interpolation: int) -> RGBImage:
        crop = cv2.warpAffine(
            image,
            matrix,
            (self.size, self.size),
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(crop, dtype=np.uint8)
