"""From what lips and jaw do to the blendshapes that make them do it: the inverse of the engine's controls."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.blendshapes import (
    CORNER_DROP,
    CORNER_PULL,
    JAW_OPEN_DROP,
    JAW_TAKES_CORNERS,
    LIP_PUFF,
    LIP_ROLL,
    LOWER_LIP_DROP,
    MOUTH_PURSE,
    MOUTH_SPREAD,
    PURSE_LOWERS_LIP,
    SMILE_SPREAD_SHARE,
    UPPER_LIP_RAISE,
)
from spark_avatar.engines.portrait.controls import CLOSING_LIFTS_JAW, JAW_SHIFT, MOUTH_SHIFT
from spark_avatar.media.arrays import Curve

Array = NDArray[np.float32]

FUNNELLED: Final = 0.10
"""E of opening at which rounded lips are a funnel and no pucker."""
JAW_MOVES: Final = 0.005
"""E that a jaw must drop before the lips' closing against it is believed in full: of less it is a quotient of two noises, and
flickers between 0 and 1 on still faces. What then shows of the drop, 0.0013 E at most, nobody sees."""


@dataclass(frozen=True, eq=False)
class MouthMotion:
    """Lips and jaw against the closed mouth at rest, each (frames,) in E; signs as in the engine's `MouthControls`."""

    jaw: Array
    open: Array
    width: Array
    upper_raise: Array
    corner_right: Array
    corner_left: Array
    upper_thickness: Array
    lower_thickness: Array
    shift: Array
    """Lips to the subject's left."""
    jaw_shift: Array


def mouth_blendshapes(motion: MouthMotion) -> dict[str, Curve]:
    """Blendshapes by name, each (frames,) in 0..1.

    The opening comes out exactly as far as the shapes reach; what the lower lip does follows from the opening, the jaw and
    the upper lip, as in a real mouth.
    """
    # What the engine takes the corners down with the jaw is no frown.
    with_jaw = JAW_TAKES_CORNERS * np.clip(motion.jaw, 0, JAW_OPEN_DROP)
    corners = {"Right": motion.corner_right + with_jaw, "Left": motion.corner_left + with_jaw}
    smile = {side: _share(corner, CORNER_PULL) for side, corner in corners.items()}
    both = (smile["Right"] + smile["Left"]) / 2
    # A smile takes the corners apart: what is too much of it is pursed away, what is missing stretched.
    beyond = motion.width - MOUTH_SPREAD * SMILE_SPREAD_SHARE * both
    purse, stretch = _share(-beyond, MOUTH_PURSE), _share(beyond, MOUTH_SPREAD)
    puff = LIP_PUFF * purse
    upper_thickness = np.clip(motion.upper_thickness, puff - LIP_ROLL, puff)
    roll_upper = _share(puff - upper_thickness, LIP_ROLL)
    # A lower lip rolled in further than the upper one would be taken for an f or v.
    roll_lower = np.minimum(_share(puff - motion.lower_thickness, LIP_ROLL), roll_upper)
    funnel = purse * _share(motion.open, FUNNELLED)
    shapes = {
        **_opening(motion.jaw, motion.open, np.maximum(motion.upper_raise + LIP_ROLL * roll_upper + PURSE_LOWERS_LIP * purse, 0)),
        "mouthFunnel": funnel,
        "mouthPucker": purse - funnel,
        "mouthRollUpper": roll_upper,
        "mouthRollLower": roll_lower,
        "mouthLeft": _share(motion.shift, MOUTH_SHIFT),
        "mouthRight": _share(-motion.shift, MOUTH_SHIFT),
        "jawLeft": _share(motion.jaw_shift, JAW_SHIFT),
        "jawRight": _share(-motion.jaw_shift, JAW_SHIFT),
    }
    for side, corner in corners.items():
        shapes |= {
            f"mouthSmile{side}": smile[side],
            f"mouthFrown{side}": _share(-corner, CORNER_DROP),
            f"mouthStretch{side}": stretch,
        }
    return shapes


def _opening(jaw: Array, gap: Array, raised: Array) -> dict[str, Curve]:
    """Jaw, closure, upper and lower lip for a drop of the chin, a gap between the lips and a raise of the upper one.

    Where jaw and upper lip alone would open the mouth wider than it is, the lips close: `mouthClose` c lets
    (1 - c) jaw / (1 - CLOSING_LIFTS_JAW c) of the chin's drop show as a gap. Else the lower lip gives what is missing.
    """
    gap, jaw = np.maximum(gap, 0), np.maximum(jaw, 0)
    raised = np.minimum(raised, gap)
    raised = np.minimum(raised, UPPER_LIP_RAISE * (1 - _closure(jaw, gap, raised)))  # further than a half closed lip goes
    close = _closure(jaw, gap, raised)
    left = np.maximum(1 - close, 1e-6)
    jaw_open = _share(jaw / (1 - CLOSING_LIFTS_JAW * close), JAW_OPEN_DROP)
    upper = np.where(close < 1, _share(raised / left, UPPER_LIP_RAISE), 0)
    lower = _share(gap / left - JAW_OPEN_DROP * jaw_open - UPPER_LIP_RAISE * upper, LOWER_LIP_DROP)
    lower = np.where(close > 0, 0, lower)
    shapes = {"jawOpen": jaw_open, "mouthClose": close}
    for side in ("Left", "Right"):
        shapes |= {f"mouthUpperUp{side}": upper, f"mouthLowerDown{side}": lower}
    return {name: np.asarray(curve, dtype=np.float32) for name, curve in shapes.items()}


def _closure(jaw: Array, gap: Array, raised: Array) -> Array:
    shown = np.clip((gap - raised) / np.maximum(jaw, 1e-6), 0, 1)
    moves = np.clip(jaw / JAW_MOVES, 0, 1)
    believed = moves**2 * (3 - 2 * moves)
    closed: Array = np.where(jaw + raised > gap, believed * (1 - shown) / (1 - CLOSING_LIFTS_JAW * shown), 0).astype(np.float32)
    return closed


def _share(length: Array, full: float) -> Curve:
    """A length in E as a blendshape whose full value is `full`."""
    return np.clip(length / full, 0, 1).astype(np.float32)
