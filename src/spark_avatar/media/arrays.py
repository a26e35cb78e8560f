"""The arrays that travel through the system: their names, shapes and ranges, said once."""

import numpy as np
from numpy.typing import NDArray

RGBImage = NDArray[np.uint8]
"""(height, width, 3), sRGB, 0..255."""

RGBAImage = NDArray[np.uint8]
"""(height, width, 4), sRGB and opacity, 0..255; the colour is not multiplied by the opacity."""

Matte = NDArray[np.float32]
"""(height, width), 0 = background, 1 = person."""

Samples = NDArray[np.float32]
"""(n,), mono, -1..1."""

Points = NDArray[np.float64]
"""(n, 2) or (n, 3), pixels: x to the right, y down, z away from the viewer; the centre of the first pixel is (0, 0)."""

Curve = NDArray[np.float32]
"""(n,), one value per frame."""

FloatArray = NDArray[np.float32]
"""Any other float array; the docstring gives the shape."""

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, the last ones outside."""
