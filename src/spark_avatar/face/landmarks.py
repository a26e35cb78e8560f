"""Names for the points of MediaPipe's face mesh (478 points: 468 on the face, 2 x 5 on the irises).

The numbering is that of MediaPipe's canonical face model (`modules/face_geometry/data/canonical_face_model.obj` and
`python/solutions/face_mesh_connections.py`). Chains run from left to right in the picture of an upright face; "right" and
"left" in names are the subject's.
"""

from dataclasses import dataclass
from typing import Final

POINT_COUNT: Final = 478
SKIN_POINT_COUNT: Final = 468
"""Points before the irises."""

Chain = tuple[int, ...]

UPPER_INNER: Final[Chain] = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
"""Lower edge of the upper lip, corner to corner."""
LOWER_INNER: Final[Chain] = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Upper edge of the lower lip, corner to corner."""
UPPER_OUTER: Final[Chain] = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
"""Upper edge of the upper lip, corner to corner."""
LOWER_OUTER: Final[Chain] = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
"""Lower edge of the lower lip, corner to corner."""
UPPER_MIDDLE: Final[Chain] = (183, 42, 41, 38, 12, 268, 271, 272, 407, 184, 74, 73, 72, 11, 302, 303, 304, 408)
"""Body of the upper lip: the row next to the inner edge, then the row next to the outer edge."""
LOWER_MIDDLE: Final[Chain] = (96, 89, 179, 86, 15, 316, 403, 319, 325, 77, 90, 180, 85, 16, 315, 404, 320, 307)
"""Body of the lower lip: the row next to the inner edge, then the row next to the outer edge."""

MOUTH_CORNERS: Final = (61, 291)
"""Outer corners of the mouth: subject's right, left."""
INNER_LIPS: Final = (13, 14)
"""Middle of the inner lips: upper, lower."""
INNER_LIP_PAIRS: Final = (INNER_LIPS, (82, 87), (312, 317))
"""Inner lips, upper and lower, in and beside the middle."""
UPPER_LIP_PAIRS: Final = ((0, 13), (37, 82), (267, 312))
LOWER_LIP_PAIRS: Final = ((17, 14), (84, 87), (314, 317))
"""Outer and inner edge of a lip, in and beside the middle."""


@dataclass(frozen=True)
class EyeLandmarks:
    """The points of one eye; chains run from left to right in the picture."""

    upper: Chain
    """Edge of the upper lid, corner to corner."""
    lower: Chain
    """Edge of the lower lid, corner to corner."""
    crease: Chain
    """Fold above the upper lid."""
    brow: Chain
    """Lower edge of the eyebrow."""
    brow_top: Chain
    """Upper edge of the eyebrow."""
    iris: Chain
    """Centre, then four points on its rim."""


RIGHT_EYE: Final = EyeLandmarks(
    upper=(33, 246, 161, 160, 159, 158, 157, 173, 133),
    lower=(33, 7, 163, 144, 145, 153, 154, 155, 133),
    crease=(130, 247, 30, 29, 27, 28, 56, 190, 243),
    brow=(46, 53, 52, 65, 55),
    brow_top=(70, 63, 105, 66, 107),
    iris=(468, 469, 470, 471, 472),
)
LEFT_EYE: Final = EyeLandmarks(
    upper=(362, 398, 384, 385, 386, 387, 388, 466, 263),
    lower=(362, 382, 381, 380, 374, 373, 390, 249, 263),
    crease=(463, 414, 286, 258, 257, 259, 260, 467, 359),
    brow=(285, 295, 282, 283, 276),
    brow_top=(336, 296, 334, 293, 300),
    iris=(473, 474, 475, 476, 477),
)

OUTER_EYE_CORNERS: Final = (33, 263)
"""Subject's right, left. Their distance on the fitted mean face is the unit of length E."""
NOSE_TIP: Final = 1
FOREHEAD_TOP: Final = 10
CHIN: Final = 152
CHIN_POINTS: Final = (CHIN, 148, 377, 175, 199)
FACE_SIDES: Final = (234, 454)
"""At the ears: subject's right, left."""

FACE_OVAL: Final[Chain] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Outline of the face, closed, clockwise in the picture from the top of the forehead."""

STABLE: Final[Chain] = (
    *(10, 338, 297, 332, 284, 251, 389, 109, 67, 103, 54, 21, 162, 151, 108, 337, 9, 8),
    *(168, 6, 197, 195, 5, 33, 133, 362, 263, 130, 359, 127, 356, 122, 351),
)
"""Points that speech and expression hardly move (forehead, temples, bridge of the nose, eye corners): they give the pose."""
