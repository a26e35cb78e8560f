"""What the lips of a filmed speaker do: gap and width, free of the pose of the head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spark_avatar.face.canonical import fit_canonical, umeyama
from spark_avatar.face.detector import FaceDetector
from spark_avatar.face.landmarks import INNER_LIP_PAIRS, MOUTH_CORNERS, POINT_COUNT, STABLE
from spark_avatar.face.mediapipe_models import MESH_SIDE, MeshNetwork
from spark_avatar.face.mesh import FIRST_LOOK, FaceMesher, face_extent
from spark_avatar.media.arrays import Curve, Points, Samples
from spark_avatar.media.audio import read_samples
from spark_avatar.media.video import probe_video, read_frames
from spark_avatar.speech.mel import SAMPLE_RATE

GRID_RATE: Final = 25.0
"""Curves are compared at this many frames per second."""

_PRESENT: Final = 0.5


@dataclass(frozen=True, eq=False)
class FilmedSpeech:
    """A clip: its sound, and its mouth at `GRID_RATE`."""

    name: str
    samples: Samples
    gap: Curve
    """(n,), mean of three inner-lip gaps in distances of the outer eye corners."""
    width: Curve
    """(n,), between the corners of the mouth."""


def watch(path: Path, cache: Path | None = None) -> FilmedSpeech:
    """Follows the face in a clip with MediaPipe's face mesh. Raises `ValueError` if a face is seen in under half of it.

    `cache` is a folder for the tracked curves.
    """
    samples = read_samples(path, rate=SAMPLE_RATE)
    stored = cache / f"{path.stem}_{path.stat().st_size}.npz" if cache else None
    if stored and stored.exists():
        with np.load(stored) as curves:
            return FilmedSpeech(path.stem, samples, curves["gap"], curves["width"])
    facts = probe_video(path)
    points = _track(path)
    seen = np.isfinite(points[:, 0, 0])
    if seen.mean() < 0.5:
        raise ValueError(f"{path}: a face is seen in {seen.mean():.0%} of the frames only")
    frontal = _frontal(points[seen])
    times = np.flatnonzero(seen) / float(facts.frame_rate)
    at = np.arange(int(min(times[-1], len(samples) / SAMPLE_RATE) * GRID_RATE) + 1) / GRID_RATE
    gap = np.mean([_distance(frontal, a, b) for a, b in INNER_LIP_PAIRS], axis=0)
    clip = FilmedSpeech(
        path.stem,
        samples,
        np.interp(at, times, gap).astype(np.float32),
        np.interp(at, times, _distance(frontal, *MOUTH_CORNERS)).astype(np.float32),
    )
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.savez(stored, gap=clip.gap, width=clip.width)
    return clip


def _track(path: Path) -> Points:
    """(frames, 478, 3) in pixels, NaN without a face.

    The face is looked for where it was in the frame before; nothing is smoothed over time, so nothing is delayed.
    """
    detector, mesher, network = FaceDetector(), FaceMesher(), MeshNetwork()
    missing = np.full((POINT_COUNT, 3), np.nan)
    found: list[Points] = []
    try:
        for image in read_frames(path):
            points, presence = missing, 0.0
            if found and np.isfinite(found[-1][0, 0]):
                crop = face_extent(found[-1]).crop(FIRST_LOOK, (0, 0), 0, MESH_SIDE, mirrored=False)
                points, presence = network.fit(crop.cut(image))
                points = crop.to_image(points)
            if presence < _PRESENT:
                detections = detector.detect(image)
                points = mesher.locate(image, detections[0]).points if detections else missing
            found.append(points)
    finally:
        for part in (detector, mesher, network):
            part.close()
    return np.stack(found)


def _frontal(points: Points) -> Points:
    """The clip's faces laid over their own mean shape; the distance of the outer eye corners is about 1."""
    stable = list(STABLE)
    shape = np.mean([fit_canonical(face).undo(face) for face in points], axis=0)
    return np.stack([umeyama(shape[stable], face[stable]).undo(face) for face in points])


def _distance(points: Points, a: int, b: int) -> Points:
    distances: Points = np.linalg.norm(points[:, a, :2] - points[:, b, :2], axis=1)
    return distances
