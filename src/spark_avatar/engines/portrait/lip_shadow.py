"""The shadow that the lips cast into the mouth."""

import cv2
import numpy as np

from spark_avatar.media.arrays import FloatArray

# In outer-eye-corner distances.
_REACH_DOWN = 0.018  # sigma
_REACH_ACROSS = 0.07  # the cheeks take the light from the sides: the corners are dark, whatever the front teeth show


def lip_light(cover: FloatArray, eye_distance: float) -> FloatArray:
    """Light that reaches the inside of the mouth, (h, w) 0.1..1, from the lips' coverage (h, w) 0..1.

    `eye_distance` is E in pixels of `cover`. One blur gives the lips' shadow, the dark corners and the dimming of a
    narrow gap.
    """
    shadow = cv2.GaussianBlur(cover, (0, 0), _REACH_ACROSS * eye_distance, sigmaY=_REACH_DOWN * eye_distance)
    light: FloatArray = np.clip(1.7 - 2.5 * shadow, 0.1, 1.0)
    return light
