"""Drives portraits by filmed faces and measures on the pictures whether they did what they were told.

    python scripts/retrack.py --videos CLIP.mp4 ... --portraits PHOTO.jpg ... [--frames 150] [--resolution 512]

One line per pair: correlation and amplitude ratio of the mouth's opening against the track (wanted: >= 0.97, 0.85-1.15), how
many of the frames that ask for closed lips show them (>= 95 %), how many that ask for open ones show closed ones, drift of the
face's shape away from the mouth, likeness of the picture's border, trembling of the upper face.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from spark_avatar.animation.track import AnimationTrack
from spark_avatar.capture.capture import capture_track
from spark_avatar.engines.portrait.compositor import Compositor
from spark_avatar.engines.portrait.controls import poses
from spark_avatar.engines.portrait.framing import frame_size
from spark_avatar.engines.portrait.portrait_rig import PortraitRig, build_rig
from spark_avatar.face.analyzer import FaceAnalyzer
from spark_avatar.face.canonical import canonical_face, fit_canonical
from spark_avatar.face.detector import FaceDetector
from spark_avatar.face.landmarks import INNER_LIP_PAIRS, LEFT_EYE, RIGHT_EYE
from spark_avatar.face.mesh import FaceMesh, FaceMesher
from spark_avatar.media.arrays import RGBImage
from spark_avatar.media.image import read_image

CLOSED = 0.025
"""E: lips that measure less are closed (real closed lips read 0.002-0.006)."""
ASKS_CLOSED = 0.008
ASKS_OPEN = 0.04
TREMBLE_HZ = 5.0
BORDER = 0.05
"""Of the shorter side."""
NOSE_BASE = 2


@dataclass(frozen=True)
class Shown:
    """One frame of a driven portrait and what the face mesh sees on it."""

    frame: RGBImage
    mesh: FaceMesh


@dataclass(frozen=True)
class Verdict:
    """How one portrait followed one clip."""

    correlation: float
    amplitude: float
    closed_when_asked: float
    closed_unasked: float
    drift: float
    """E, mean distance of the points above the base of the nose from the portrait's own, pose taken out."""
    border: float
    """Structural similarity of the border with the portrait's."""
    tremble: float
    """Thousandths of E, motion of the upper face over 5 Hz."""


def rigged(path: Path, resolution: str) -> PortraitRig:
    """A portrait ready to be driven."""
    image = read_image(path)
    size = frame_size((image.shape[1], image.shape[0]), "source")
    if resolution != "source":
        shrink = min(1.0, int(resolution) / min(size))
        size = (2 * round(size[0] * shrink / 2), 2 * round(size[1] * shrink / 2))
    return build_rig(FaceAnalyzer().analyze(image), size)


def driven(rig: PortraitRig, track: AnimationTrack) -> Iterator[Shown]:
    """The portrait following a track; the frame is drawn over once the next is taken."""
    compositor, mesher = Compositor(rig), FaceMesher()
    detections = FaceDetector().detect(rig.canvas.base)
    mesh = mesher.locate(rig.canvas.base, detections[0])
    frame = None
    for pose in poses(track):
        frame = compositor.frame(pose, frame)
        mesh = mesher.follow(frame, mesh)
        yield Shown(frame, mesh)


def shape_of(mesh: FaceMesh) -> np.ndarray:
    """(478, 3) landmarks without the pose, E."""
    return fit_canonical(mesh.points).undo(mesh.points)


def gap_of(shape: np.ndarray) -> float:
    """Of the inner lips, E."""
    return float(np.mean([np.linalg.norm(shape[a, :2] - shape[b, :2]) for a, b in INNER_LIP_PAIRS]))


def above_the_mouth() -> list[int]:
    """Points whose shape speech should leave alone: above the base of the nose, without eyes and brows."""
    mean = canonical_face().mean
    moving = {i for eye in (RIGHT_EYE, LEFT_EYE) for i in (*eye.upper, *eye.lower, *eye.crease, *eye.brow, *eye.brow_top)}
    return [i for i in range(468) if mean[i, 1] < mean[NOSE_BASE, 1] and i not in moving]


class Tremble:
    """Fast motion of the upper face, by optical flow (Lucas and Kanade 1981) from frame to frame."""

    def __init__(self, rate: float) -> None:
        self._rate, self._before, self._steps = rate, None, []

    def add(self, shown: Shown) -> None:
        """Takes the next frame."""
        grey = cv2.cvtColor(shown.frame, cv2.COLOR_RGB2GRAY)
        places = shown.mesh.points[above_the_mouth()[::4], :2].astype(np.float32)
        if self._before is not None:
            moved, found, _ = cv2.calcOpticalFlowPyrLK(self._before, grey, self._places, None)
            self._steps.append(np.median((moved - self._places)[found[:, 0] > 0], axis=0))
        self._before, self._places = grey, places

    def value(self, eye_distance: float) -> float:
        """Root mean square of what is faster than 5 Hz, thousandths of E."""
        path = np.cumsum(self._steps, axis=0)
        spectrum = np.fft.rfft(path - path.mean(axis=0), axis=0)
        spectrum[np.fft.rfftfreq(len(path), 1 / self._rate) < TREMBLE_HZ] = 0
        fast = np.fft.irfft(spectrum, len(path), axis=0)
        return float(1000 * np.sqrt((fast**2).sum(axis=1).mean()) / eye_distance)


def similarity(a: RGBImage, b: RGBImage) -> np.ndarray:
    """Structural similarity map (Wang et al. 2004) of the luma of two pictures."""
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (a, b))

    def soft(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (0, 0), 1.5)

    mean_x, mean_y = soft(x), soft(y)
    of_x, of_y, of_both = soft(x * x) - mean_x**2, soft(y * y) - mean_y**2, soft(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * mean_x * mean_y + c1) * (2 * of_both + c2) / ((mean_x**2 + mean_y**2 + c1) * (of_x + of_y + c2))


def border_of(shape: tuple[int, ...]) -> np.ndarray:
    """(height, width): the frame's border."""
    width = max(2, round(BORDER * min(shape[:2])))
    border = np.ones(shape[:2], dtype=bool)
    border[width:-width, width:-width] = False
    return border


def judge(rig: PortraitRig, track: AnimationTrack) -> Verdict:
    """Drives a portrait and measures it."""
    border, upper = border_of(rig.canvas.base.shape), above_the_mouth()
    tremble = Tremble(float(track.frame_rate))
    at_rest = shape_of(next(driven(rig, track.part(0, 1))).mesh)
    gaps, drifts, likeness = [], [], []
    for shown in driven(rig, track):
        shape = shape_of(shown.mesh)
        gaps.append(gap_of(shape))
        drifts.append(float(np.linalg.norm((shape - at_rest)[upper, :2], axis=1).mean()))
        if len(gaps) % 5 == 1:
            likeness.append(float(similarity(shown.frame, rig.canvas.base)[border].mean()))
        tremble.add(shown)
    asked, seen = track.mouth_open, np.array(gaps)
    closed, opened = asked < ASKS_CLOSED, asked > ASKS_OPEN
    return Verdict(
        correlation=float(np.corrcoef(asked, seen)[0, 1]),
        amplitude=float(seen.std() / asked.std()),
        closed_when_asked=float((seen[closed] < CLOSED).mean()) if closed.any() else float("nan"),
        closed_unasked=float((seen[opened] < CLOSED).mean()) if opened.any() else float("nan"),
        drift=float(np.mean(drifts)),
        border=float(np.mean(likeness)),
        tremble=tremble.value(rig.canvas.eye_distance),
    )


def parser(text: str) -> argparse.ArgumentParser:
    """What this script and `worst_frames.py` have in common."""
    arguments = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--videos", type=Path, nargs="+", required=True)
    arguments.add_argument("--portraits", type=Path, nargs="+", required=True)
    arguments.add_argument("--frames", type=int, default=150, help="of each clip")
    arguments.add_argument("--resolution", default="512", help="shorter side at most, or `source`")
    return arguments


def main() -> None:
    """Prints a table."""
    given = parser(__doc__).parse_args()
    cv2.setNumThreads(1)
    tracks = {video: capture_track(video).part(0, given.frames) for video in given.videos}
    print(f"{'portrait':28}{'clip':16}{'r':>7}{'ampl':>7}{'closed':>8}{'unasked':>8}{'drift':>8}{'border':>8}{'tremble':>8}")
    for path in given.portraits:
        rig = rigged(path, given.resolution)
        for video, track in tracks.items():
            v = judge(rig, track)
            print(
                f"{path.stem[:27]:28}{video.stem[:15]:16}{v.correlation:7.3f}{v.amplitude:7.2f}{v.closed_when_asked:8.2f}"
                f"{v.closed_unasked:8.2f}{v.drift:8.4f}{v.border:8.4f}{v.tremble:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
