"""The space of lip shapes: how the face mesh moves with eight measured controls.

Learned from 4,650 tracked frames of 14 talking people by ridge regression of the displacement of all mesh points on eight
features of the same frame (see data/README.md). It explains 96 % of the lips' movement in the picture plane. Units are
outer-eye-corner distances (E, about 90 mm).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from spark_avatar.media.arrays import FloatArray


@dataclass(frozen=True)
class MouthControls:
    """What the mouth does, in E; all zero is closed and at rest.

    A real mouth obeys open = jaw + lower_drop + upper_raise - upper_thickness - lower_thickness.
    """

    jaw: float = 0.0
    """Drop of the chin."""
    open: float = 0.0
    """Gap between the inner lips."""
    width: float = 0.0
    """Change of the distance between the corners."""
    upper_raise: float = 0.0
    """Raise of the upper lip's outer edge."""
    lower_drop: float = 0.0
    """Drop of the lower lip's outer edge beyond the chin's."""
    corner: float = 0.0
    """Raise of the corners."""
    upper_thickness: float = 0.0
    """Change of the upper lip's visible height: negative is rolled in."""
    lower_thickness: float = 0.0
    """Change of the lower lip's visible height."""

    def vector(self) -> FloatArray:
        """(8,) in the order of the basis."""
        return np.array([getattr(self, name) for name in CONTROLS], dtype=np.float32)


CONTROLS: Final = ("jaw", "open", "width", "upper_raise", "lower_drop", "corner", "upper_thickness", "lower_thickness")
"""Order of the basis."""


@dataclass(frozen=True, eq=False)
class LipSpace:
    """The measured basis."""

    basis: FloatArray
    """(8, 468, 3): displacement of each mesh point per unit of each control, in the canonical face's axes."""
    percentiles: FloatArray
    """(7, 8): percentiles 1, 5, 25, 50, 75, 95 and 99 of each control over the tracked frames."""


@cache
def lip_space() -> LipSpace:
    """The basis that comes with the package."""
    with (files("spark_avatar.engines.portrait") / "data" / "lip_basis.npz").open("rb") as file, np.load(file) as archive:
        return LipSpace(archive["basis"][:, :468].astype(np.float32), archive["percentiles"].astype(np.float32))
