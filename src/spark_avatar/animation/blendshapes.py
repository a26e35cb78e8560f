"""The 52 blendshapes of Apple's ARKit (ARFaceAnchor.BlendShapeLocation) and how far ours open the mouth."""

from typing import Final

import numpy as np

from spark_avatar.media.arrays import Curve, FloatArray

BLENDSHAPES: Final = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip

# What each shape does to the inner lips at full value, in outer-eye-corner distances: the 99th percentile of the
# measured lip space (see engines/portrait/data/README.md), where a blendshape of 1 is as far as people go in speech.
JAW_OPEN_DROP: Final = 0.22
UPPER_LIP_RAISE: Final = 0.11
LOWER_LIP_DROP: Final = 0.22

# What the other shapes of the mouth do at full value, same unit. Names without a side are means of both:
#   spread = min(mouthStretch + SMILE_SPREAD_SHARE mouthSmile, 1), purse = min(mouthPucker + mouthFunnel, 1)
#   width of the mouth = MOUTH_SPREAD spread - MOUTH_PURSE purse
#   raise of the corners = CORNER_PULL mouthSmile - CORNER_DROP mouthFrown - JAW_TAKES_CORNERS times the jaw's drop
#   raise of the upper lip's outer edge = UPPER_LIP_RAISE mouthUpperUp - LIP_ROLL its roll - PURSE_LOWERS_LIP purse
#   visible thickness of a lip = LIP_PUFF purse - LIP_ROLL max(its mouthRoll, mouthPress)
MOUTH_SPREAD: Final = 0.15
SMILE_SPREAD_SHARE: Final = 0.4
MOUTH_PURSE: Final = 0.14
CORNER_PULL: Final = 0.11
CORNER_DROP: Final = 0.10
JAW_TAKES_CORNERS: Final = 0.37
"""In four filmed speakers the corners go down by 0.15 to 0.57 of what the chin does, by optical flow."""
LIP_ROLL: Final = 0.05
LIP_PUFF: Final = 0.03
PURSE_LOWERS_LIP: Final = 0.02
"""In the same films the upper lip's outer edge goes down by 0.16 of what the mouth narrows."""


def mouth_opening(blendshapes: FloatArray) -> Curve:
    """Inner-lip gap, (frames,), in outer-eye-corner distances, of (frames, 52) blendshapes.

    Jaw, lower and upper lip add up; `mouthClose` brings the lips together whatever the jaw does, as in ARKit.
    """

    def column(name: str) -> Curve:
        values: Curve = blendshapes[:, BLENDSHAPES.index(name)]
        return values

    lower = (column("mouthLowerDownLeft") + column("mouthLowerDownRight")) / 2
    upper = (column("mouthUpperUpLeft") + column("mouthUpperUpRight")) / 2
    apart = JAW_OPEN_DROP * column("jawOpen") + LOWER_LIP_DROP * lower + UPPER_LIP_RAISE * upper
    gap: Curve = (apart * (1 - np.clip(column("mouthClose"), 0, 1))).astype(np.float32)
    return gap
