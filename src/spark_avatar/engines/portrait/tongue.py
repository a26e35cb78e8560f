"""The tongue: a soft dome that lies behind the lower teeth and can rise to the upper ones."""

import numpy as np

from spark_avatar.engines.portrait.picture_traits import smoothstep
from spark_avatar.media.arrays import FloatArray, RGBImage

TONGUE_HALF_WIDTH_MM = 21.0
TONGUE_DEPTH_MM = 12.0
"""How far behind the teeth it lies."""

# The picture of the dome covers -1.15..1.15 half widths across and -0.15..1.3 heights down from its top.
SPAN_ACROSS = 2.3
SPAN_DOWN = 1.45
LEFT, TOP = -1.15, -0.15

_ROWS, _COLUMNS = 64, 96


def draw_tongue(colour: FloatArray) -> RGBImage:
    """(64, 96, 4): colour times coverage, coverage, 0..255. Darker at the top, which lies deep in the mouth."""
    x, y = np.meshgrid(np.linspace(LEFT, LEFT + SPAN_ACROSS, _COLUMNS), np.linspace(TOP, TOP + SPAN_DOWN, _ROWS))
    x, y = x.astype(np.float32), y.astype(np.float32)
    outline = 0.02 + 0.55 * np.abs(x) ** 2.6
    coverage = smoothstep((y - outline) / 0.34 + 0.5, 0, 1) * np.clip((1.05 - np.abs(x)) / 0.12, 0, 1)
    below = np.clip(y - outline, 0, 2)
    shade = (0.38 + 0.52 * smoothstep(below / 0.6, 0, 1)) * (1 - 0.38 * np.abs(x) ** 2.2)
    furrow = 1 - 0.08 * np.exp(-((x / 0.07) ** 2)) * np.clip(0.9 - below, 0, 1)
    foot = 1 - 0.25 * np.clip((y - 0.85) / 0.3, 0, 1)
    lit = colour * np.clip(shade * furrow * foot, 0.1, 1)[..., None] * coverage[..., None]
    return np.dstack([lit, coverage * 255]).clip(0, 255).astype(np.uint8)


def tongue_height(eye_distance: float, opening: float, raised: float, to_upper_teeth: float) -> float:
    """Height of the dome above the lower teeth's edges, output pixels.

    At rest (`raised` 0) it fills half of the opening (output pixels). Raised fully, as for l, n, d, t and th, its tip
    stands behind the edges of the upper teeth, which are `to_upper_teeth` output pixels above the lower ones.
    """
    rest = float(np.clip(0.50 * opening, 0.03 * eye_distance, 0.20 * eye_distance))
    reach = max(rest, to_upper_teeth + 0.035 * eye_distance)
    return rest + raised * (reach - rest)
