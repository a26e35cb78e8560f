"""Is it a human face at all? The mesh network fits its points to dogs, monkeys and patterns just as gladly."""

from typing import Final

import numpy as np

from spark_avatar.face.mediapipe_models import PERSON_SIDE, PersonNetwork
from spark_avatar.face.mesh import FaceMesh, face_extent
from spark_avatar.media.arrays import RGBImage

LEAST_PLAUSIBILITY: Final = 0.4

# (side, shift down) in extents of the face: from the head alone to the upper half of the body.
_LOOKS: Final = ((2.2, 0.1), (3.0, 0.3), (3.0, 0.3), (4.0, 0.6))
_MIRRORED: Final = (False, True, False, False)

_BIAS, _PER_PERSON, _PER_SPREAD, _PER_SCORE = -7.0, 13.0, -1.6, 2.0
_USUAL_SPREAD: Final = 0.02
_WIDE_SPREAD, _WIDEST_SPREAD = 0.05, 0.07
"""People have up to 0.046 (in profile); beyond, the looks see different things: faces upside down, patterns."""
_SURE_SPREAD, _SURE_SCORE, _SURE_PRESENCE = 0.018, 0.7, 0.95
"""Looks agree so closely on people only, even where the person detector, made for colour pictures of whole people, sees none: an
old face in grey, a small passport picture. Animals have 0.022 and more (26 faces in nine variations of four pictures)."""


class PersonJudge:
    """Looks at what surrounds a face: the person detector of BlazePose was trained on people only, heads included."""

    def __init__(self) -> None:
        self._network = PersonNetwork()

    def score(self, image: RGBImage, mesh: FaceMesh) -> float:
        """0..1, mean over looks that show less or more of the body."""
        extent = face_extent(mesh.points)
        return float(
            np.mean(
                [
                    self._network.score(extent.crop(size, (0, down), 0, PERSON_SIDE, mirrored=mirrored).cut(image))
                    for (size, down), mirrored in zip(_LOOKS, _MIRRORED, strict=True)
                ]
            )
        )

    def close(self) -> None:
        """Frees the network."""
        self._network.close()


def plausibility(mesh: FaceMesh, detector_score: float, person_score: float) -> float:
    """0..1, how likely it is that the landmarks lie on a human face.

    A logistic regression on three measurements, times the presence that the mesh network reports and the agreement of the looks.
    Fitted to 22 pictures of people (photographs, paintings, a drawing, a robot) and 7 of animals and a street, each in ten
    variations (cut close, small, dark, grey, noisy, turned, compressed). As they are, people have
    0.87 to 1.00 and animals up to 0.17.
    """
    spread = np.log(max(mesh.spread, 1e-4) / _USUAL_SPREAD)
    z = _BIAS + _PER_PERSON * person_score + _PER_SPREAD * spread + _PER_SCORE * detector_score
    agreement = np.clip((_WIDEST_SPREAD - mesh.spread) / (_WIDEST_SPREAD - _WIDE_SPREAD), 0, 1)
    found = float(mesh.presence * agreement / (1 + np.exp(-z)))
    sure = mesh.spread <= _SURE_SPREAD and detector_score >= _SURE_SCORE and mesh.presence >= _SURE_PRESENCE
    return max(found, LEAST_PLAUSIBILITY) if sure else found
