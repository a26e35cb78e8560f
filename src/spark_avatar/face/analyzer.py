"""A portrait in, everything that an engine may ask of its face out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from spark_avatar.errors import FaceNotFound
from spark_avatar.face.canonical import euler_angles, fit_canonical
from spark_avatar.face.detector import Box, Detection, FaceDetector
from spark_avatar.face.landmarks import INNER_LIPS, OUTER_EYE_CORNERS
from spark_avatar.face.lips_in_view import lips_in_view
from spark_avatar.face.matting import Matter
from spark_avatar.face.mesh import FaceMesh, FaceMesher
from spark_avatar.face.plausibility import LEAST_PLAUSIBILITY, PersonJudge, plausibility
from spark_avatar.face.quality import face_light, portrait_warnings
from spark_avatar.face.rig import FaceDiagnostics, FaceRig, HeadPose
from spark_avatar.media.arrays import Points, RGBImage

MOST_YAW: Final = 47.0
"""Degrees to either side. The mesh reads large angles too small: a full profile measures 49 to 52."""
LEAST_PRESENCE: Final = 0.2
"""Below it the costlier look for a person is not worth while."""
MOST_FACES: Final = 8
"""Faces that are looked at closely, the largest first."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A detection after a closer look."""

    detection: Detection
    mesh: FaceMesh
    plausibility: float


class FaceAnalyzer:
    """Analyses portraits. Holds the networks, which are loaded by `warm_up` or the first picture: one instance per process.

    Not safe for concurrent use. The same picture gives the same answer whatever was analysed before it.
    """

    def __init__(self) -> None:
        self._networks: _Networks | None = None

    def warm_up(self) -> None:
        """Loads the networks (0.4 s)."""
        self._loaded()

    def analyze(self, image: RGBImage) -> FaceRig:
        """The largest face of the picture. `image` is (height, width, 3), 0..255.

        Raises `FaceNotFound` if there is none, if it is not human, or if it is seen in profile.
        """
        networks = self._loaded()
        people, doubtful = _sorted_out(self._candidates(image))
        if not people:
            raise _no_face(image, doubtful)
        chosen = people[0]
        landmarks = chosen.mesh.points
        fit = fit_canonical(landmarks)
        pose = euler_angles(fit.rotation)
        if abs(pose.yaw) > MOST_YAW:
            raise _profile(pose)
        diagnostics = FaceDiagnostics(
            faces=len(people),
            box=(box := _bounds(landmarks)),
            face_share=box[3] / image.shape[0],
            eye_distance=_distance(landmarks, OUTER_EYE_CORNERS),
            pose=pose,
            score=chosen.detection.score,
            plausibility=chosen.plausibility,
            mouth_gap=_distance(landmarks, INNER_LIPS) / fit.scale,
        )
        return FaceRig(
            image=image,
            landmarks=landmarks,
            eye_distance=fit.scale,
            rotation=fit.rotation,
            pose=pose,
            matte=networks.matter.matte(image, landmarks, fit.scale),
            diagnostics=diagnostics,
            warnings=portrait_warnings(
                diagnostics,
                width=image.shape[1],
                height=image.shape[0],
                light=face_light(image, diagnostics.box),
                lips=lips_in_view(image, landmarks, fit.scale),
            ),
        )

    def close(self) -> None:
        """Frees the networks; the next picture loads them again."""
        if self._networks is not None:
            self._networks.close()
            self._networks = None

    def _candidates(self, image: RGBImage) -> list[_Candidate]:
        """Everything that looks like a face from afar, the largest first, seen from near."""
        networks = self._loaded()
        candidates = []
        for detection in networks.detector.detect(image)[:MOST_FACES]:
            mesh = networks.mesher.locate(image, detection)
            person = networks.judge.score(image, mesh) if mesh.presence > LEAST_PRESENCE else 0.0
            candidates.append(_Candidate(detection, mesh, plausibility(mesh, detection.score, person)))
        return candidates

    def _loaded(self) -> "_Networks":
        if self._networks is None:
            self._networks = _Networks()
        return self._networks


class _Networks:
    """All that has to be loaded."""

    def __init__(self) -> None:
        # The judge takes as long to load as the others together; all of it is native code, which runs beside them.
        with ThreadPoolExecutor(1, thread_name_prefix="networks") as pool:
            judge = pool.submit(PersonJudge)
            self.detector = FaceDetector()
            self.mesher = FaceMesher()
            self.matter = Matter()
            self.judge = judge.result()

    def close(self) -> None:
        for part in (self.detector, self.mesher, self.judge, self.matter):
            part.close()


def _sorted_out(candidates: list[_Candidate]) -> tuple[list[_Candidate], list[_Candidate]]:
    """People, and what only looks like them; the order is kept."""
    people = [candidate for candidate in candidates if candidate.plausibility >= LEAST_PLAUSIBILITY]
    return people, [candidate for candidate in candidates if candidate.plausibility < LEAST_PLAUSIBILITY]


def _bounds(points: Points) -> Box:
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _distance(points: Points, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[0], :2] - points[pair[1], :2]))


def _no_face(image: RGBImage, doubtful: list[_Candidate]) -> FaceNotFound:
    height, width = image.shape[:2]
    if not doubtful:
        return FaceNotFound(
            f"No face was found in the picture ({width} x {height} pixels). Use a portrait of one person, upright and "
            "from the front, whose face takes up a good part of the picture.",
            facts={"faces": 0, "width": width, "height": height},
        )
    likeliest = max(doubtful, key=lambda candidate: candidate.plausibility)
    x, y, w, h = (round(value) for value in likeliest.detection.box)
    return FaceNotFound(
        f"No human face was found. Something like a face lies at x {x}, y {y} ({w} x {h} pixels), but its plausibility is "
        f"{likeliest.plausibility:.2f} and at least {LEAST_PLAUSIBILITY:.2f} is needed. Use an upright portrait of a person "
        "with eyes, nose and mouth in view.",
        facts={
            "faces": 0,
            "box": [float(value) for value in likeliest.detection.box],
            "score": round(likeliest.detection.score, 3),
            "plausibility": round(likeliest.plausibility, 3),
        },
    )


def _profile(pose: HeadPose) -> FaceNotFound:
    side = "right" if pose.yaw > 0 else "left"
    return FaceNotFound(
        f"The face is turned {abs(pose.yaw):.0f} degrees to the {side} of the picture; at most {MOST_YAW:.0f} can be "
        "animated. Use a picture in which both eyes and the whole mouth are seen, at best from the front.",
        facts={"faces": 1, "yaw": round(pose.yaw, 1), "pitch": round(pose.pitch, 1), "roll": round(pose.roll, 1)},
    )
