"""The mean face, and how to lay it over a picture: scale, rotation, translation and the angles of the head.

Axes as in `Points` (x right, y down, z away from the viewer). A head's rotation is built from yaw about its own vertical axis,
then pitch, then roll in the picture plane: R = roll @ pitch @ yaw, which has its singularity at a pitch of 90 degrees, where
no portrait is.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from spark_avatar.face.landmarks import STABLE
from spark_avatar.face.rig import HeadPose
from spark_avatar.media.arrays import Points


@dataclass(frozen=True, eq=False)
class CanonicalFace:
    """The mean face of many people, mouth closed, and its symmetry. Where it comes from: `data/README.md`."""

    mean: Points
    """(478, 3), in outer-eye-corner distances, midway between the eye corners at x = 0."""
    mirror: NDArray[np.int64]
    """(478,): the point that lies where this one lies in a mirrored face."""


@cache
def canonical_face() -> CanonicalFace:
    """The mean face and its mirror map, read once. The arrays cannot be written to."""
    with as_file(files("spark_avatar.face") / "data" / "canonical_face.npz") as path, np.load(path) as stored:
        face = CanonicalFace(mean=stored["mean"].astype(np.float64), mirror=stored["mirror"].astype(np.int64))
    face.mean.setflags(write=False)
    face.mirror.setflags(write=False)
    return face


@dataclass(frozen=True, eq=False)
class Similarity:
    """target = scale * rotation @ source + translation."""

    scale: float
    rotation: Points
    """(3, 3), determinant 1."""
    translation: Points
    """(3,)"""

    def apply(self, points: Points) -> Points:
        """(n, 3) to (n, 3)."""
        return self.scale * points @ self.rotation.T + self.translation

    def undo(self, points: Points) -> Points:
        """The inverse of `apply`."""
        return (points - self.translation) @ self.rotation / self.scale


def umeyama(source: Points, target: Points) -> Similarity:
    """The similarity that takes `source` closest to `target`, both (n, 3), in the least-squares sense (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_offset, target_offset = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(target_offset.T @ source_offset / len(source))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (source_offset**2).sum() * len(source))
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def fit_canonical(landmarks: Points) -> Similarity:
    """Lays the mean face over (478, 3) landmarks, by the points that speech and expression leave in place.

    The result's `scale` is E, its `rotation` the pose of the head.
    """
    stable = list(STABLE)
    return umeyama(canonical_face().mean[stable], landmarks[stable])


def rotation_matrix(pose: HeadPose) -> Points:
    """(3, 3): turns a face that looks into the camera into the pose."""
    # Positive yaw is a negative turn about y: the nose lies at negative z, and should go to the picture's right.
    yaw, pitch, roll = np.radians([-pose.yaw, pose.pitch, pose.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation: Points = about_z @ about_x @ about_y
    return rotation


def euler_angles(rotation: Points) -> HeadPose:
    """The inverse of `rotation_matrix`, for pitches under 90 degrees."""
    yaw = np.arctan2(rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[2, 1], -1, 1))
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return HeadPose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))
