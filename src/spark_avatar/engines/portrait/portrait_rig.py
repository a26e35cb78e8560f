"""Everything that is computed once for a portrait at one size."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

import numpy as np

from spark_avatar.engines.portrait.canvas import Canvas, MouthFrame
from spark_avatar.engines.portrait.controls import MouthLimits
from spark_avatar.engines.portrait.expression import FADE_MARGINS, ExpressionBasis, below_line, build_expression
from spark_avatar.engines.portrait.eyes import EyePatch, build_eyes, eye_whites_luma
from spark_avatar.engines.portrait.framing import build_canvas
from spark_avatar.engines.portrait.head import Head, HeadField
from spark_avatar.engines.portrait.lip_layers import LipLayers, build_lip_layers
from spark_avatar.engines.portrait.mouth_frame import build_mouth_frame
from spark_avatar.engines.portrait.mouth_interior import MouthInterior, build_interior
from spark_avatar.engines.portrait.mouth_relief import MouthRelief, build_relief
from spark_avatar.engines.portrait.outline import FaceOutline, face_outline
from spark_avatar.engines.portrait.rim import at_nodes, distance_from_person, follows, moving
from spark_avatar.engines.portrait.sampling import Bytes
from spark_avatar.engines.portrait.setting import Backdrop, Background, before
from spark_avatar.engines.portrait.tiles import SHARES, Drawing, drawings, moving_parts
from spark_avatar.engines.portrait.warp import Lattice
from spark_avatar.face.landmarks import LOWER_LIP_PAIRS, UPPER_LIP_PAIRS
from spark_avatar.face.rig import FaceRig
from spark_avatar.media.arrays import Box, FloatArray, Points

NODES_PER_EYE_DISTANCE: Final = 33
"""Nodes of the face's lattice per E: finer than the mesh around the lips."""
BODY_STEP: Final = 0.8
"""Cells of the body's lattice in square roots of E: between nodes the head's smooth motion is off by cell^2 / E pixels, here
by a fifth of a pixel at most."""
LATTICE_MARGIN: Final = 0.22
"""E that the face's lattice reaches beyond where it is used: as far as the head may move."""
LIPS_REACH: Final = ((0.75, 0.55), (0.75, 0.75))
"""E from the mouth's centre to the left and top, right and bottom of the lips' lattice."""

OPENING_HEIGHT: Final = 0.35
"""E above the lower lip that the opening of the mouth may reach."""


@dataclass(frozen=True, eq=False)
class PortraitRig:
    """A portrait, ready to be posed. It never changes: compositors share it."""

    canvas: Canvas
    mouth: MouthFrame
    background: Background | None
    head: Head
    body_lattice: Lattice
    body: HeadField
    face_lattice: Lattice
    face_box: Box
    """x0, y0, x1, y1: where the face's lattice replaces the body's, window pixels."""
    face: HeadField
    lip_lattice: Lattice
    lip_box: Box
    """x0, y0, x1, y1: where the lower lip may be, window pixels."""
    lips: HeadField
    below_lips: FloatArray
    """On the lips' lattice: output pixels below the lower lip's upper edge."""
    expression: ExpressionBasis
    layers: LipLayers
    interior: MouthInterior
    relief: MouthRelief
    eyes: tuple[EyePatch, ...]
    """The right one and the left one, or none where dark glasses hide them."""
    limits: MouthLimits
    drawings: tuple[Drawing, ...]
    """The window's parts by the work that they need, for growing reaches. Nothing else ever changes."""
    opacity: Bytes | None = None
    """(height, width) of a transparent frame at rest; None where frames are opaque."""
    eyes_lock: Lock = field(default_factory=Lock)
    """The eyes remember states that they have drawn: one thread at a time."""


def build_rig(face: FaceRig, size: tuple[int, int], backdrop: Backdrop | None = None) -> PortraitRig:
    """Rigs a portrait for frames of (width, height), as given by `frame_size`; before a `backdrop` it has a matte."""
    scene = before(face, size, backdrop) if backdrop is not None else None
    canvas = build_canvas(face, size) if scene is None else scene.canvas
    mouth = build_mouth_frame(canvas)
    outline = face_outline(canvas, mouth)
    face_box, wide_face_box, lip_box = _boxes(canvas, mouth, outline)
    step = max(2, round(canvas.eye_distance / NODES_PER_EYE_DISTANCE))
    body_step = max(step, round(BODY_STEP * np.sqrt(canvas.eye_distance)))
    body_lattice = Lattice.covering((0, 0, *canvas.size), body_step)
    face_lattice, lip_lattice = Lattice.covering(wide_face_box, step), Lattice.covering(lip_box, step)
    distance = distance_from_person(canvas) if scene is None else None
    background = None if scene is None else scene.background
    head = Head(canvas, outline, size, distance)
    body = head.field(body_lattice)
    expression = build_expression(canvas, mouth, outline, face_lattice, lip_lattice)
    if distance is not None:
        expression = replace(expression, upper=expression.upper * follows(at_nodes(distance, face_lattice)))
    eyes = build_eyes(canvas)
    upper_lip, lower_lip = (
        _lip_thickness(mouth.snapped, pairs) / canvas.eye_distance for pairs in (UPPER_LIP_PAIRS, LOWER_LIP_PAIRS)
    )
    return PortraitRig(
        canvas=canvas,
        mouth=mouth,
        background=background,
        head=head,
        body_lattice=body_lattice,
        body=body,
        face_lattice=face_lattice,
        face_box=face_box,
        face=head.field(face_lattice),
        lip_lattice=lip_lattice,
        lip_box=lip_box,
        lips=head.field(lip_lattice),
        below_lips=below_line(mouth, lip_lattice),
        expression=expression,
        layers=build_lip_layers(canvas, mouth),
        interior=build_interior(canvas, mouth, eye_whites_luma(eyes)),
        relief=build_relief(canvas, mouth),
        eyes=eyes,
        limits=MouthLimits(expression.gain, mouth.smile, upper_lip, lower_lip, mouth.width / canvas.eye_distance),
        drawings=moving_parts(np.ones(canvas.size[::-1], np.bool_) if distance is None else moving(distance, body_lattice))
        if background is None
        else drawings(
            background.opacity,
            head.reach(body),
            above_lips(lip_box, canvas.eye_distance),
            (1.0,) if background.plate is None else SHARES,
        ),
        opacity=None if scene is None else scene.opacity,
    )


def above_lips(box: Box, eye_distance: float) -> Box:
    """A box around the lower lip, enlarged by what an open mouth may show above it."""
    return box[0], max(0, box[1] - int(OPENING_HEIGHT * eye_distance)), box[2], box[3]


def _lip_thickness(points: Points, pairs: tuple[tuple[int, int], ...]) -> float:
    return float(np.mean([np.linalg.norm(points[outer] - points[inner]) for outer, inner in pairs]))


def _boxes(canvas: Canvas, mouth: MouthFrame, outline: FaceOutline) -> tuple[Box, Box, Box]:
    """Where expression moves the face; the same with a margin for the head's motion; where the lips are."""
    eye_distance = canvas.eye_distance
    across = outline.half_width + FADE_MARGINS[0] * eye_distance
    along = outline.half_height + FADE_MARGINS[1] * eye_distance
    reach = np.hypot(across * outline.across, along * outline.down)
    wide = reach + LATTICE_MARGIN * eye_distance
    before, after = (np.array(distances) * eye_distance for distances in LIPS_REACH)
    return (
        _clipped(outline.centre - reach, outline.centre + reach, canvas.size),
        _clipped(outline.centre - wide, outline.centre + wide, canvas.size),
        _clipped(mouth.centre - before, mouth.centre + after, canvas.size),
    )


def _clipped(low: Points, high: Points, size: tuple[int, int]) -> Box:
    x0, y0 = np.maximum(np.floor(low), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high), size).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
