"""One frame of a rigged portrait."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE
from spark_avatar.engines.portrait.controls import FramePose, limited, shaped
from spark_avatar.engines.portrait.expression import EXPRESSION
from spark_avatar.engines.portrait.head import HeadTransform
from spark_avatar.engines.portrait.lip_space import MouthControls
from spark_avatar.engines.portrait.mouth_interior import InteriorState
from spark_avatar.engines.portrait.mouth_relief import LEAST as LEAST_RELIEF
from spark_avatar.engines.portrait.portrait_rig import PortraitRig, above_lips
from spark_avatar.engines.portrait.sampling import Bytes, lay_over, mix, resized, sample, split
from spark_avatar.engines.portrait.skin_motion import SKIN_MOTIONS
from spark_avatar.engines.portrait.warp import Inverter, Lattice
from spark_avatar.media.arrays import Box, FloatArray, RGBAImage, RGBImage

OPEN: Final = EXPRESSION.index("open")
RELIEF_SIDE: Final = 0.16
RELIEF_UP: Final = 0.32
"""E around the lower lip, and above it when it is closed, where the mouth's relief may be."""
PROTRUSION: Final = EXPRESSION.index("protrusion")
TUCK: Final = EXPRESSION.index("tuck")
JAW_SHIFT: Final = EXPRESSION.index("jaw_shift")
MOST_GAP_CORRECTION: Final = 0.08
"""E by which `open` may be changed so that the lips' gap is the one that was asked for."""
SAMPLING_REACH: Final = 1.0
"""Pixels beside a place whose colour is seen at it."""
FACE_ITERATIONS: Final = 6
LIP_ITERATIONS: Final = 12
BODY_ITERATIONS: Final = 4
SHADOW_MARGIN: Final = 0.1
"""E around the opening that matter for the lips' shadow on what is inside."""
LEAST_OPENING: Final = 5
"""Of 255: where less of the inside shows it is left out."""


@dataclass(frozen=True, eq=False)
class _Places:
    """Where the layers come from in the window's texture, pixels, each (rows, columns, 2) on its lattice."""

    body: FloatArray
    face: FloatArray
    lips: FloatArray
    lip_box: Box
    """x0, y0, x1, y1: where the lower lip is, window pixels."""
    reach: float
    """Pixels: how far anything moves across or down."""


class Compositor:
    """Draws frames. Frames don't depend on each other; an instance keeps buffers and serves one thread."""

    def __init__(self, rig: PortraitRig) -> None:
        self._rig = rig
        self._opacity = None if rig.background is None else _in_bytes(rig.background.opacity)
        self._transparent = rig.opacity is not None
        self._texture: Bytes = self._textured(rig.canvas.texture, np.s_[:, :])
        """With the eyes as they are shown. Where there is a background: colour times opacity, and 255 minus opacity. In a
        transparent video: colour and opacity.
        """
        x0, y0, x1, y1 = rig.canvas.window
        self._window = None if rig.opacity is None else (rig.canvas.base[y0:y1, x0:x1].copy(), rig.opacity[y0:y1, x0:x1].copy())
        """Colour and opacity of a transparent video's window, drawn apart: the mouth knows colour only."""
        self._invert_body = Inverter(rig.body_lattice, BODY_ITERATIONS)
        self._invert_face = Inverter(rig.face_lattice, FACE_ITERATIONS)
        self._invert_lips = Inverter(rig.lip_lattice, LIP_ITERATIONS)
        self._face_nodes = rig.face_lattice.indices()
        self._lip_nodes = _support(rig)
        self._shown_eyes: list[RGBImage | None] = [None, None]

    def frame(self, pose: FramePose, over: Bytes | None = None) -> RGBImage | RGBAImage:
        """The whole picture, (height, width, 3), or (height, width, 4) where the video is transparent: a new array, or `over`,
        an earlier frame of the same rig, drawn over.
        """
        rig = self._rig
        self._show_eyes(pose)
        mouth = limited(pose.mouth, rig.limits)
        coefficients = self._coefficients(mouth, pose)
        transform = rig.head.transform(pose.rotation, pose.translation)
        places = self._solve(coefficients, transform, pose.breath)
        frame = _at_rest(rig) if over is None else over
        x0, y0, x1, y1 = rig.canvas.window
        part = frame[y0:y1, x0:x1]
        window = part if self._window is None else self._window[0]
        self._draw_window(window, places)
        self._shade_lips(window, places, pose)
        self._draw_mouth(window, places, self._interior_state(mouth, coefficients, transform, pose), pose)
        if self._window is not None:
            cv2.cvtColor(window, cv2.COLOR_RGB2RGBA, dst=part)
            cv2.insertChannel(self._window[1], part, 3)
        return frame

    def _textured(self, picture: RGBImage, part: tuple[slice, slice]) -> Bytes:
        """A part of the texture, as it is sampled."""
        if self._opacity is None:
            return picture.copy()
        opacity = self._opacity[part]
        return np.dstack([picture, opacity]) if self._transparent else _cut_out(picture, opacity)

    def _shade_lips(self, window: RGBImage, places: _Places, pose: FramePose) -> None:
        strengths = pose.shaping.protrusion, pose.press
        if max(strengths) < LEAST_RELIEF:
            return
        eye_distance, (left, top, right, bottom) = self._rig.canvas.eye_distance, self._rig.lip_box
        side, up = int(RELIEF_SIDE * eye_distance), int((RELIEF_UP + pose.mouth.open) * eye_distance)
        x0, y0, x1, y1 = places.lip_box
        x0, y0, x1, y1 = max(left, x0 - side), max(top, y0 - up), min(right, x1 + side), min(bottom, y1 + side)
        upper_map = self._upper_map(places, (x0, y0, x1, y1))
        self._rig.relief.shade(window[y0:y1, x0:x1], upper_map, *strengths, pose.mouth.open)

    def _show_eyes(self, pose: FramePose) -> None:
        """Puts the eyes' patches into the texture where they changed."""
        rig = self._rig
        for i, (eye, blink) in enumerate(zip(rig.eyes, (pose.blink_right, pose.blink_left), strict=False)):
            with rig.eyes_lock:
                patch = eye.render(blink, pose.gaze_x, pose.gaze_y)
            if patch is not self._shown_eyes[i]:
                x0, y0, x1, y1 = eye.box
                self._texture[y0:y1, x0:x1] = self._textured(patch, np.s_[y0:y1, x0:x1])
                self._shown_eyes[i] = patch

    def _coefficients(self, mouth: MouthControls, pose: FramePose) -> FloatArray:
        """(coefficients,) of the expression basis.

        The regression behind the lip space spreads what contradicts itself in the controls over all of them; `open` is set
        so that the lips' gap is right, above all that closed lips meet.
        """
        basis = self._rig.expression
        lips = mouth.vector()
        shaping = shaped(pose.shaping, self._rig.limits, mouth.open).vector()
        forward = shaping[PROTRUSION - len(lips)] * basis.gap[PROTRUSION]
        missing = mouth.open - float(lips @ basis.gap[: len(lips)]) - float(forward)
        lips[OPEN] += np.clip(missing / basis.gap[OPEN], -MOST_GAP_CORRECTION, MOST_GAP_CORRECTION)
        skin = [getattr(pose, name) for name in SKIN_MOTIONS]
        return np.concatenate([lips, shaping, np.array([*skin, 1.0], dtype=np.float32)])

    def _solve(self, coefficients: FloatArray, transform: HeadTransform, breath: float) -> _Places:
        """Inverts the displacement of every layer."""
        rig = self._rig
        lower = rig.lips.displacement(transform, breath, _combined(coefficients, rig.expression.lower))
        lips = self._invert_lips(lower)
        upper = rig.face.displacement(transform, breath, _combined(coefficients, rig.expression.upper))
        face = self._invert_face(upper, self._start_from_lips(upper, lips))
        around = rig.body.displacement(transform, breath, None)
        body = self._invert_body(around)
        return _Places(
            body=_in_texture(body, rig.body_lattice),
            face=_in_texture(face, rig.face_lattice),
            lips=_in_texture(lips, rig.lip_lattice),
            lip_box=self._lip_box(lower),
            reach=max(cv2.norm(upper, cv2.NORM_INF), cv2.norm(around, cv2.NORM_INF)) + SAMPLING_REACH,
        )

    def _upper_map(self, places: _Places, box: Box) -> FloatArray:
        """Where to sample the texture for the upper layer in a box, (height, width, 2)."""
        rig = self._rig
        x0, y0, x1, y1 = box
        left, top, right, bottom = rig.face_box
        inner = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
        if inner == box:
            return rig.face_lattice.enlarged(places.face, box)
        full = rig.body_lattice.enlarged(places.body, box)
        if inner[0] < inner[2] and inner[1] < inner[3]:
            part = rig.face_lattice.enlarged(places.face, inner)
            full[inner[1] - y0 : inner[3] - y0, inner[0] - x0 : inner[2] - x0] = part
        return full

    def _lip_box(self, lower: FloatArray) -> Box:
        """x0, y0, x1, y1: where a displacement takes the lower lip, window pixels."""
        nodes, (rows, columns) = self._rig.lip_lattice, self._lip_nodes
        moved = lower[rows, columns]
        x = nodes.left + (columns + 0.5) * nodes.step + moved[:, 0]
        y = nodes.top + (rows + 0.5) * nodes.step + moved[:, 1]
        x0, y0, x1, y1 = self._rig.lip_box
        return (
            min(x1 - 1, max(x0, int(x.min()) - nodes.step)),
            min(y1 - 1, max(y0, int(y.min()) - nodes.step)),
            max(x0 + 1, min(x1, int(x.max()) + nodes.step + 1)),
            max(y0 + 1, min(y1, int(y.max()) + nodes.step + 1)),
        )

    def _start_from_lips(self, upper: FloatArray, lips: FloatArray) -> FloatArray:
        """First guess for the face: minus the displacement; below the lips' line the lower lip's solution."""
        rig = self._rig
        start = self._face_nodes - upper * np.float32(1 / rig.face_lattice.step)
        below = sample(rig.below_lips, lips, outside=-99)
        column = (rig.lip_lattice.left - rig.face_lattice.left) // rig.face_lattice.step
        row = (rig.lip_lattice.top - rig.face_lattice.top) // rig.face_lattice.step
        part = start[row : row + rig.lip_lattice.rows, column : column + rig.lip_lattice.columns]
        np.copyto(part, lips + np.array([column, row], dtype=np.float32), where=(below > 0)[..., None])
        return start

    def _draw_window(self, window: RGBImage, places: _Places) -> None:
        """Draws everything but the mouth."""
        rig = self._rig
        drawing = next((drawing for drawing in rig.drawings if drawing.reach >= places.reach), rig.drawings[-1])
        for x0, y0, x1, y1 in drawing.bare:
            assert rig.background is not None
            assert rig.background.plate is not None
            window[y0:y1, x0:x1] = rig.background.plate[y0:y1, x0:x1]
        for strip in drawing.strips:
            x0, y0, x1, y1 = strip.box
            upper_map = self._upper_map(places, strip.box)
            if rig.background is None:
                sample(self._texture, upper_map, out=window[y0:y1, x0:x1])
                continue
            person = sample(self._texture, upper_map)
            for run in strip.runs:
                left, _, right, _ = run.box
                part, target = person[:, left - x0 : right - x0], window[y0:y1, left:right]
                if run.solid or rig.background.plate is None:
                    cv2.cvtColor(part, cv2.COLOR_RGBA2RGB, dst=target)
                else:
                    lay_over(part, rig.background.plate[y0:y1, left:right], target)
                if self._window is not None:
                    cv2.extractChannel(part, 3, dst=self._window[1][y0:y1, left:right])

    def _interior_state(
        self, mouth: MouthControls, coefficients: FloatArray, transform: HeadTransform, pose: FramePose
    ) -> InteriorState:
        rig = self._rig
        lips = len(coefficients) - 1
        return InteriorState(
            open=mouth.open,
            jaw_drop=float(coefficients[:lips] @ rig.expression.chin[:lips]),
            lower_drop=mouth.lower_drop,
            tuck=float(coefficients[TUCK]),
            jaw_shift=float(coefficients[JAW_SHIFT]) * rig.canvas.eye_distance,
            tongue=pose.tongue,
            rotation=transform.matrix.astype(np.float64),
            translation=transform.shift.astype(np.float64),
            pivot=rig.head.pivot,
        )

    def _draw_mouth(self, window: RGBImage, places: _Places, state: InteriorState, pose: FramePose) -> None:
        """Draws the inside of the mouth, then the lower lip over it."""
        rig = self._rig
        corner = np.array(rig.layers.box[:2], dtype=np.float32)
        lower_map = rig.lip_lattice.enlarged(places.lips, places.lip_box)
        lower = sample(rig.layers.lower, lower_map - corner)
        box = above_lips(places.lip_box, rig.canvas.eye_distance)
        x0, y0, x1, y1 = box
        above = places.lip_box[1] - y0
        lower = cv2.copyMakeBorder(lower, above, 0, 0, 0, cv2.BORDER_CONSTANT).astype(np.uint8, copy=False)
        cover = sample(rig.layers.cover, self._upper_map(places, box) - corner, outside=255)
        lip, opacity = split(lower)
        rig.relief.shade(lip[above:], lower_map, pose.shaping.protrusion, pose.press, pose.mouth.open)
        target = window[y0:y1, x0:x1]
        self._draw_inside(target, (x0, y0), cover, opacity, state)
        mix(lip, target, opacity, target)

    def _draw_inside(self, target: RGBImage, corner: tuple[int, int], cover: Bytes, opacity: Bytes, state: InteriorState) -> None:
        """Draws the inside of the mouth where neither lip is; `corner` is the target's in the window."""
        opening: Bytes = cv2.multiply(~cover, ~opacity, scale=1 / 255).astype(np.uint8, copy=False)
        left, top, wide, high = cv2.boundingRect((opening > LEAST_OPENING).astype(np.uint8))
        if wide == 0:
            return
        margin = int(SHADOW_MARGIN * self._rig.canvas.eye_distance) + 2
        left, right = max(0, left - margin), min(target.shape[1], left + wide + margin)
        top, bottom = max(0, top - margin), min(target.shape[0], top + high + margin)
        part = np.s_[top:bottom, left:right]
        box = (corner[0] + left, corner[1] + top, corner[0] + right, corner[1] + bottom)
        covered = (~opening[part]).astype(np.float32) * np.float32(1 / 255)
        inside = (self._rig.interior.compose(box, covered, state) + np.float32(0.5)).astype(np.uint8)
        mix(target[part], inside, cover[part], target[part])


def _support(rig: PortraitRig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the lips' lattice's nodes at which the lower lip is, in the portrait."""
    left, top, *_ = rig.layers.box
    grown = cv2.dilate(rig.layers.lower[..., 3], np.ones((2 * rig.lip_lattice.step * TEXTURE_SCALE + 1,) * 2, np.uint8))
    x, y = rig.lip_lattice.nodes()
    column, row = (x * TEXTURE_SCALE).astype(int) - left, (y * TEXTURE_SCALE).astype(int) - top
    inside = (column >= 0) & (row >= 0) & (column < grown.shape[1]) & (row < grown.shape[0])
    found = np.zeros(x.shape, dtype=bool)
    found[inside] = grown[row[inside], column[inside]] > 0
    rows, columns = np.nonzero(found)
    return rows, columns


def _at_rest(rig: PortraitRig) -> RGBImage | RGBAImage:
    """The frame as the portrait is."""
    return rig.canvas.base.copy() if rig.opacity is None else np.dstack([rig.canvas.base, rig.opacity])


def _in_bytes(opacity: FloatArray) -> Bytes:
    """The window's opacity, 0..1, at the texture's size, 0..255."""
    height, width = opacity.shape
    return resized((opacity * 255 + 0.5).astype(np.uint8), (width * TEXTURE_SCALE, height * TEXTURE_SCALE))


def _cut_out(picture: RGBImage, opacity: Bytes) -> Bytes:
    """(height, width, 4): colour times opacity, and 255 minus opacity."""
    colour = cv2.multiply(picture, cv2.merge([opacity] * 3), scale=1 / 255)
    return np.dstack([colour, ~opacity])


def _in_texture(positions: FloatArray, lattice: Lattice) -> FloatArray:
    """Positions in nodes as positions in the window's texture, pixels."""
    x, y = (TEXTURE_SCALE * (corner + 0.5 * lattice.step) - 0.5 for corner in (lattice.left, lattice.top))
    scaled = positions * np.float32(TEXTURE_SCALE * lattice.step)
    return cv2.add(scaled, np.array([x, y, 0, 0])).astype(np.float32, copy=False)


def _combined(coefficients: FloatArray, basis: FloatArray) -> FloatArray:
    """(3, rows, columns): the displacement that the coefficients add up to."""
    # Not a matrix product: the linear algebra library would wake threads of its own for it, which keep a processor from the
    # encoder while they wait for more.
    total: FloatArray = np.einsum("k,kn->n", coefficients, basis.reshape(len(basis), -1)).reshape(basis.shape[1:])
    return total
