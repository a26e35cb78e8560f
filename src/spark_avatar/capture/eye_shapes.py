"""From measured eyes and brows to blendshapes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from spark_avatar.engines.portrait.controls import BROW_DOWN, GAZE_DOWN, GAZE_SIDE, GAZE_UP
from spark_avatar.engines.portrait.skin_motion import BROW_RAISE
from spark_avatar.media.arrays import Curve

OPEN_QUANTILE: Final = 0.8
SHUT_QUANTILE: Final = 0.01
MOST_SHUT: Final = 0.35
"""Of the open eye's ratio: a clip in which nobody blinks holds no shut eye to measure."""
LEAST_BLINK: Final = 0.2
"""Share of the way down that lids move without blinking: looking down, squinting, noise."""
DISTURBED: Final = 0.35
"""A blink beyond which the irises can't be measured."""
BLINK_MARGIN: Final = 2
"""Frames around a blink that are disturbed too."""
BROWS_AT_REST: Final = 0.25
"""Quantile of a brow's height at which it rests: who speaks raises the brows now and then, and hardly frowns."""
BROW_READ: Final = 0.55
IRIS_READ: Final = (0.55, 0.35)
"""Shares of a rise of the brows and of a look (across, down) that count as whole. The mesh, which was trained to be likely, reads
0.35 to 0.61, 0.42 to 0.63 and 0.16 to 0.30 of them on portraits that are known to move so; of brows, which it lowers in nods,
and of looks down, where lids come in between, more would amplify its noise."""


def blink(openness: Curve) -> Curve:
    """(frames,), 0..1, of one eye's aspect ratio."""
    wide = float(np.quantile(openness, OPEN_QUANTILE))
    shut = min(float(np.quantile(openness, SHUT_QUANTILE)), MOST_SHUT * wide)
    closed = (wide - openness) / max(wide - shut, 1e-6)
    return np.clip((closed - LEAST_BLINK) / (1 - LEAST_BLINK), 0, 1).astype(np.float32)


def brow_blendshapes(right: Curve, left: Curve, inner: Curve) -> dict[str, Curve]:
    """Blendshapes of the rises of both outer brows and of the inner ends over the eyes, E."""
    right, left, inner = ((rise - np.quantile(rise, BROWS_AT_REST)) / (BROW_READ * BROW_RAISE) for rise in (right, left, inner))
    rises = {"Right": right, "Left": left}
    outer = {side: np.clip(rise, 0, 1) for side, rise in rises.items()}
    beyond = inner + (outer["Right"] - right + outer["Left"] - left) / 2
    shapes = {"browInnerUp": np.clip(beyond, 0, 1)}
    for side, rise in rises.items():
        shapes |= {f"browOuterUp{side}": outer[side], f"browDown{side}": np.clip(-rise / BROW_DOWN, 0, 1)}
    return shapes


def gaze_blendshapes(x: Curve, y: Curve, blinking: Curve) -> dict[str, Curve]:
    """Blendshapes of the irises' places, half eye widths to the picture's right and down; `blinking` is 0..1."""
    near = binary_dilation(blinking > DISTURBED, iterations=BLINK_MARGIN)
    right, down = (_from_median(_bridged(curve, near)) / read for curve, read in zip((x, y), IRIS_READ, strict=True))
    to_right, to_left = np.clip(right / GAZE_SIDE, 0, 1), np.clip(-right / GAZE_SIDE, 0, 1)
    shapes = {"Left": (to_right, to_left), "Right": (to_left, to_right)}
    found: dict[str, Curve] = {}
    for side, (outwards, inwards) in shapes.items():
        found |= {
            f"eyeLookOut{side}": outwards,
            f"eyeLookIn{side}": inwards,
            f"eyeLookDown{side}": np.clip(down / GAZE_DOWN, 0, 1),
            f"eyeLookUp{side}": np.clip(-down / GAZE_UP, 0, 1),
        }
    return found


def _from_median(curve: Curve) -> Curve:
    return np.asarray(curve - np.median(curve), dtype=np.float32)


def _bridged(curve: Curve, left_out: NDArray[np.bool_]) -> Curve:
    """The curve, linear over frames that are left out."""
    if left_out.all():
        return np.zeros_like(curve)
    frames = np.arange(len(curve))
    return np.interp(frames, frames[~left_out], curve[~left_out]).astype(np.float32)
