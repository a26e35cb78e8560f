"""What surrounds the face in the video: a square around it; a colour, a picture or nothing behind it."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas
from spark_avatar.engines.portrait.cut_out import cut_out
from spark_avatar.engines.portrait.framing import build_canvas, cropped, matte_at
from spark_avatar.engines.portrait.sampling import Bytes, mix, resized
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import FloatArray, RGBImage
from spark_avatar.media.quality import QualityWarning

CROP_SCALE: Final = 2.3
"""Side of the square over the face's larger side."""
CROP_RAISED: Final = 0.125
"""Of the side: how far the square's middle lies above the face's, for the hair. Both as in LivePortrait (Guo et al., 2024)."""

BACKGROUND_KEPT: Final = QualityWarning(
    "background_kept",
    "The person cannot be told from the background well enough to replace it: use a photo that shows the whole head with some "
    "room around it, before a calmer, lighter or darker background.",
)


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is behind the person instead of the portrait's own background."""

    picture: RGBImage | None
    """None for nothing: the video is transparent there."""

    @classmethod
    def of_colour(cls, colour: str) -> "Backdrop":
        """A plain one, `#RRGGBB`."""
        return cls(np.array([[[int(colour[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))

    def covering(self, size: tuple[int, int]) -> RGBImage | None:
        """The picture at (width, height): scaled until it covers all, what is too much cut off at both sides alike."""
        if self.picture is None:
            return None
        height, width = self.picture.shape[:2]
        scale = max(size[0] / width, size[1] / height)
        # Cut before it is scaled: the whole of a strip of 4096 x 1 pixels would take gigabytes.
        wide, high = (min(side, max(1, round(shown / scale))) for side, shown in ((width, size[0]), (height, size[1])))
        left, top = (width - wide) // 2, (height - high) // 2
        part = self.picture[top : top + high, left : left + wide]
        return resized(part, size, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


@dataclass(frozen=True, eq=False)
class Background:
    """What lies behind a person who was cut out."""

    opacity: FloatArray
    """(height, width) of the window, 0..1: the person."""
    plate: RGBImage | None
    """What is behind in the window; None for nothing at all: the frames are transparent there."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A portrait at output size, and what is behind the person."""

    canvas: Canvas
    background: Background
    opacity: Bytes | None
    """(height, width) of a transparent frame at rest; None where frames are opaque."""


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


def before(face: FaceRig, size: tuple[int, int], backdrop: Backdrop) -> Scene:
    """The person before another background, for frames of (width, height). The portrait has a matte."""
    assert face.matte is not None, "nothing can be put behind a person who cannot be told from what is there"
    person = cut_out(face.image, face.matte, face.eye_distance)
    canvas = build_canvas(replace(face, image=person.person, matte=person.opacity), size)
    assert canvas.matte is not None, "it was given"
    opacity = (matte_at(person.opacity, size, cropped(face.image, size).shape) * 255 + 0.5).astype(np.uint8)
    behind = backdrop.covering(size)
    if behind is None:
        return Scene(canvas, Background(canvas.matte, None), opacity)
    base = np.empty_like(canvas.base)
    mix(canvas.base, behind, opacity, base)
    x0, y0, x1, y1 = canvas.window
    return Scene(replace(canvas, base=base), Background(canvas.matte, behind[y0:y1, x0:x1]), None)
