"""The worst frames of portraits driven by filmed faces, as one sheet.

    python scripts/worst_frames.py --videos CLIP.mp4 ... --portraits PHOTO.jpg ... -o worst.png

Every frame is scored three ways, each in standard deviations of the whole set (robust: median and median deviation):
`residual`, how far the lips that the mesh sees are from where the controls put them; `seam`, the strongest new edge on the skin
around the mouth and at the cheeks against the portrait at rest; `spike`, how suddenly the face
changes against the rest of the clip. The sheet shows the worst by each in turn: at rest, in the frame before and as it is.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from retrack import driven, parser, rigged, shape_of
from spark_avatar.capture.capture import capture_track
from spark_avatar.engines.portrait.controls import limited, poses
from spark_avatar.engines.portrait.lip_space import lip_space
from spark_avatar.face.landmarks import FACE_OVAL, LEFT_EYE, LOWER_INNER, LOWER_OUTER, RIGHT_EYE, UPPER_INNER, UPPER_OUTER
from spark_avatar.media.image import write_image

LIPS = sorted({*LOWER_INNER, *LOWER_OUTER, *UPPER_INNER, *UPPER_OUTER})
SCORES = ("residual", "seam", "spike")
TILE = 300
SPACING = 8
"""Frames of one pair between two that are shown."""


@dataclass(frozen=True)
class Candidate:
    """A frame that may be among the worst."""

    pair: str
    index: int
    scores: tuple[float, float, float]
    tile: np.ndarray
    """(TILE, 3 TILE, 3): at rest, before, now."""


def face_tile(picture, points):
    """The face, TILE pixels square."""
    x0, y0 = points[list(FACE_OVAL), :2].min(axis=0)
    x1, y1 = points[list(FACE_OVAL), :2].max(axis=0)
    reach = 0.58 * max(x1 - x0, y1 - y0)
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    matrix = np.array([[2 * reach / TILE, 0, centre[0] - reach], [0, 2 * reach / TILE, centre[1] - reach]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (TILE, TILE), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def skin_mask(shape, points, eye_distance):
    """(height, width): the face without lips and eyes, with a margin where they move."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points[list(FACE_OVAL), :2].astype(np.int32)), 255)
    mask = cv2.erode(mask, np.ones((max(3, int(0.08 * eye_distance)),) * 2, np.uint8))
    for part in ([*UPPER_OUTER, *LOWER_OUTER], [*RIGHT_EYE.crease, *RIGHT_EYE.lower], [*LEFT_EYE.crease, *LEFT_EYE.lower]):
        hole = np.zeros(shape[:2], np.uint8)
        cv2.fillConvexPoly(hole, cv2.convexHull(points[part, :2].astype(np.int32)), 255)
        mask[cv2.dilate(hole, np.ones((max(3, int(0.06 * eye_distance)),) * 2, np.uint8)) > 0] = 0
    return mask > 0


def edges(picture, mask, eye_distance):
    """The strongest edges on the skin: the 99.5th percentile of the gradient at the scale of a seam."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), max(0.8, 0.008 * eye_distance)).astype(np.float32)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return float(np.percentile(strength[mask], 99.5)) if mask.any() else 0.0


def bends(pictures):
    """(frames,): second difference of small pictures over its usual size in the clip; 0 at the ends."""
    stack = np.stack(pictures)
    found = np.abs(2 * stack[1:-1] - stack[:-2] - stack[2:]).mean(axis=(1, 2, 3))
    return [0.0, *(found / (np.median(found) + 0.3)), 0.0]


def candidates(rig, name, track):
    """Scores all frames of one pair."""
    controls = [limited(pose.mouth, rig.limits).vector() for pose in poses(track)]
    first = next(driven(rig, track.part(0, 1)))
    eye_distance, basis = rig.canvas.eye_distance, lip_space().basis
    closed = None
    small, found, last_tile = [], [], None
    rest_tile = face_tile(rig.canvas.base, first.mesh.points)
    rest_edges = edges(rig.canvas.base, skin_mask(rig.canvas.base.shape, first.mesh.points, eye_distance), eye_distance)
    for i, shown in enumerate(driven(rig, track)):
        moved = np.einsum("k,kvi->vi", controls[i], basis)
        own = shape_of(shown.mesh)[:468] - moved
        closed = own if closed is None else closed + 0.1 * (own - closed)  # the portrait's closed lips, learnt along the way
        residual = float(np.linalg.norm((own - closed)[LIPS, :2], axis=1).mean())
        seam = edges(shown.frame, skin_mask(shown.frame.shape, shown.mesh.points, eye_distance), eye_distance) / (rest_edges + 4)
        tile = face_tile(shown.frame, shown.mesh.points)
        small.append(cv2.resize(tile, (75, 75), interpolation=cv2.INTER_AREA).astype(np.float32))
        sheet = np.hstack([rest_tile, tile if last_tile is None else last_tile, tile])
        found.append((residual, seam, sheet))
        last_tile = tile
    return [
        Candidate(name, i, (residual, seam, float(bend)), sheet)
        for i, ((residual, seam, sheet), bend) in enumerate(zip(found, bends(small), strict=True))
    ]


def worst(pool, count):
    """The worst frames by each score in turn, spaced within a pair; with the score's name and height."""
    table = np.array([candidate.scores for candidate in pool])
    middle = np.median(table, axis=0)
    spread = 1.48 * np.median(np.abs(table - middle), axis=0) + 1e-6
    heights = (table - middle) / spread
    chosen = []
    orders = [iter(np.argsort(column)[::-1]) for column in heights.T]
    while len(chosen) < min(count, len(pool) // SPACING):
        kind = len(chosen) % len(SCORES)
        i = next(i for i in orders[kind] if not any(_close(candidate, pool[i]) for candidate, *_ in chosen))
        chosen.append((pool[i], SCORES[kind], float(heights[i, kind])))
    return chosen


def _close(one, other):
    return one.pair == other.pair and abs(one.index - other.index) < SPACING


def main() -> None:
    """Writes the sheet and prints its legend."""
    arguments = parser(__doc__)
    arguments.add_argument("-o", "--output", type=Path, default=Path("worst_frames.png"))
    arguments.add_argument("--count", type=int, default=10)
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    tracks = {video: capture_track(video).part(0, given.frames) for video in given.videos}
    pool = []
    for path in given.portraits:
        rig = rigged(path, given.resolution)
        for video, track in tracks.items():
            pool += candidates(rig, f"{path.stem} by {video.stem}", track)
    rows = []
    for number, (candidate, score, height) in enumerate(worst(pool, given.count), start=1):
        print(f"{number:2} {candidate.pair}, frame {candidate.index}: {score} {height:.1f} deviations")
        tile = candidate.tile.copy()
        text = f"{number} {candidate.pair} #{candidate.index} {score} {height:.1f}"
        cv2.putText(tile, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        rows.append(tile)
    half = -(-len(rows) // 2)
    columns = [np.vstack(part + [np.zeros_like(rows[0])] * (half - len(part))) for part in (rows[:half], rows[half:])]
    write_image(given.output, np.hstack(columns))


if __name__ == "__main__":
    main()
