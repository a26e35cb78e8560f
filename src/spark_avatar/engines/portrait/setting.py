"""What surrounds the face in the video: a square around it, a plain colour behind it."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.background import fill_smoothly
from spark_avatar.engines.portrait.picture_traits import smoothstep
from spark_avatar.engines.portrait.sampling import resized
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import FloatArray, RGBImage
from spark_avatar.media.quality import QualityWarning

CROP_SCALE: Final = 2.3
"""Side of the square over the face's larger side."""
CROP_RAISED: Final = 0.125
"""Of the side: how far the square's middle lies above the face's, for the hair. Both as in LivePortrait (Guo et al., 2024)."""

CLEAR: Final = 0.02
SOLID: Final = 0.95
"""Matte up to which a pixel is background alone, from which on it is the person alone."""
SOLVABLE: Final = (0.35, 0.85)
"""Matte over which a pixel's own colour takes over from that of its neighbours inside the person."""
SOFT_EDGE: Final = (0.25, 0.93)
"""Matte from where to where the person appears: the faintest haze would be left hanging before the colour."""
FILL_SIDE: Final = 512
"""Pixels of the longer side at which the background behind the person's soft edge is filled."""


def cropped_to_face(face: FaceRig) -> FaceRig:
    """A square around the face with room for hair, neck and shoulders.

    It stays within the picture: where that is too small the square is, or lies beside the face's middle.
    """
    height, width = face.image.shape[:2]
    points = face.landmarks[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    side = int(min(round(CROP_SCALE * float((high - low).max())), height, width))
    middle = (low + high) / 2 - [0, CROP_RAISED * side]
    left, top = np.clip(np.round(middle - side / 2), 0, [width - side, height - side]).astype(int)
    part = np.s_[top : top + side, left : left + side]
    return replace(
        face,
        image=np.ascontiguousarray(face.image[part]),
        landmarks=face.landmarks - [left, top, 0],
        matte=None if face.matte is None else np.ascontiguousarray(face.matte[part]),
    )


def before_colour(face: FaceRig, colour: str) -> FaceRig:
    """The person before a plain colour, `#RRGGBB`. Without a matte that can be trusted the background stays, with a warning."""
    if face.matte is None:
        return replace(face, warnings=(*face.warnings, _KEPT))
    plain = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
    matte = smoothstep(face.matte, *SOFT_EDGE)[..., None]
    exchanged = matte * _person(face.image, face.matte) + (1 - matte) * plain
    return replace(face, image=np.clip(exchanged + 0.5, 0, 255).astype(np.uint8))


_KEPT: Final = QualityWarning(
    "background_kept",
    "The person cannot be told from the background well enough to replace it: use a photo with a calmer, lighter or darker one.",
)


def _person(image: RGBImage, matte: FloatArray) -> FloatArray:
    """The person's own colours, (height, width, 3), without what shines through at the soft edge.

    A soft pixel is matte * person + (1 - matte) * background, which is solved where the matte is high enough; where it is
    low, the colours next to it go on.
    """
    alpha = matte[..., None]
    solved = (image - (1 - alpha) * _filled(image, matte <= CLEAR)) / np.maximum(alpha, 0.1)
    share = smoothstep(alpha, *SOLVABLE)
    person: FloatArray = share * np.clip(solved, 0, 255) + (1 - share) * _filled(image, matte >= SOLID)
    return person


def _filled(image: RGBImage, known: NDArray[np.bool_]) -> FloatArray:
    """The picture where it is `known`, and what it probably looks like elsewhere; (height, width, 3)."""
    height, width = known.shape
    scale = min(1.0, FILL_SIDE / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    surely = (resized(known.astype(np.float32), size, cv2.INTER_AREA) > 0.999).astype(np.float32)
    smooth = fill_smoothly(resized(image, size, cv2.INTER_AREA).astype(np.float32), surely)
    probable = resized(smooth, (width, height))
    filled: FloatArray = np.where(known[..., None], image, probable).astype(np.float32)
    return filled
