"""From a track's blendshapes to what the rig is told, frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spark_avatar.animation.blendshapes import (
    CORNER_DROP,
    CORNER_PULL,
    JAW_OPEN_DROP,
    JAW_TAKES_CORNERS,
    LIP_PUFF,
    LIP_ROLL,
    LOWER_LIP_DROP,
    MOUTH_PURSE,
    MOUTH_SPREAD,
    PURSE_LOWERS_LIP,
    SMILE_SPREAD_SHARE,
    UPPER_LIP_RAISE,
)
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.engines.portrait.curves import smoothstep
from spark_avatar.engines.portrait.lip_space import MouthControls
from spark_avatar.engines.portrait.mouth_shaping import AS_MEASURED, MouthShaping
from spark_avatar.media.arrays import Curve, FloatArray

CLOSING_LIFTS_JAW: Final = 0.6
"""Share of the jaw's drop that goes when the lips close; the lower lip is lifted for the rest."""
BROW_DOWN: Final = 0.8
"""Drop of the brows at browDown = 1, in the unit of their rise."""
SQUINT: Final = 0.25
"""Share of a blink that a full squint makes."""
MOUTH_SHIFT: Final = 0.10
"""E that the lips go sideways at mouthLeft or mouthRight = 1."""
JAW_SHIFT: Final = 0.09
"""E that the chin goes sideways at jawLeft or jawRight = 1."""
TUCKED_FROM: Final = 0.2
TUCKED_AT: Final = 0.8
"""Roll of the lower lip beyond the upper one's from which on it goes under the teeth, and at which it lies there: a little
roll belongs to every closed mouth and must not open it."""
FUNNEL_PROTRUDES: Final = 0.7
"""Protrusion of a funnel against that of a pucker."""
SIDES_PART: Final = (0.05, 0.10)
CORNERS_PART: Final = (0.08, 0.20)
"""E: openings from which on the lips part half-way to the corners, and next to them, and at which they have. Of small openings
half of the mouth's width is seen in films, of 0.14 E 0.8 of it, of 0.28 E nearly all."""
PARTED_WIDTH: Final = 0.10
"""E of widening that parts them: spread and smiling lips open to the corners at once."""
GAZE_SIDE: Final = 0.35
GAZE_UP: Final = 0.22
GAZE_DOWN: Final = 0.25
"""Half eye widths that the iris moves at a full look."""


@dataclass(frozen=True, eq=False)
class FramePose:
    """One frame of an animation, in the terms of the rig."""

    mouth: MouthControls
    tongue: float
    """0..1, how far the tongue is raised."""
    brow: float
    """-1..1, raise of the whole brows."""
    brow_inner: float
    """-1..1, raise of their inner ends beyond that."""
    blink_right: float
    blink_left: float
    gaze_x: float
    """Half eye widths, to the picture's right."""
    gaze_y: float
    """Half eye widths, down."""
    rotation: FloatArray
    """(3,): yaw, pitch, roll in degrees, signs of `HeadPose`."""
    translation: FloatArray
    """(3,): x, y, z in E."""
    breath: float
    """0..1."""
    shaping: MouthShaping = AS_MEASURED
    press: float = 0.0
    """0..1, how firmly closed lips are pressed together."""
    lid_raise: float = 0.0
    """0..1, raise of the upper lids beyond their rest."""
    cheek_raise: float = 0.0
    """0..1, raise of the cheeks under the eyes."""
    cheek_puff: float = 0.0
    """0..1, cheeks blown up."""
    nose_wrinkle: float = 0.0
    """0..1, raise of the wings of the nose."""


def poses(track: AnimationTrack) -> Iterator[FramePose]:
    """The frames of a track, in order."""
    mouth, shaping = mouth_controls(track), mouth_shaping(track)
    gaze_x, gaze_y = _gaze(track)
    outer = _both(track, "browOuterUp")
    brow = outer - BROW_DOWN * _both(track, "browDown")
    curves = {
        "tongue": np.clip(track.curve("tongueOut"), 0, 1),
        "brow": np.clip(brow, -1, 1),
        "brow_inner": np.clip(track.curve("browInnerUp") - outer, -1, 1),
        "blink_right": _blink(track, "Right"),
        "blink_left": _blink(track, "Left"),
        "gaze_x": gaze_x,
        "gaze_y": gaze_y,
        "breath": np.clip(track.breath, 0, 1),
        "press": _press(track),
        "lid_raise": np.clip(_both(track, "eyeWide"), 0, 1),
        "cheek_raise": np.clip(_both(track, "cheekSquint"), 0, 1),
        "cheek_puff": np.clip(track.curve("cheekPuff"), 0, 1),
        "nose_wrinkle": np.clip(_both(track, "noseSneer"), 0, 1),
    }
    for i in range(len(track)):
        yield FramePose(
            mouth=MouthControls(*mouth[i].tolist()),
            rotation=track.head_rotation[i],
            translation=track.head_translation[i],
            shaping=MouthShaping(*shaping[i].tolist()),
            **{name: float(curve[i]) for name, curve in curves.items()},
        )


def mouth_controls(track: AnimationTrack) -> FloatArray:
    """(frames, 8): lip-space controls in the order of `CONTROLS`, in E.

    They keep the identity open = jaw + lower_drop + upper_raise - upper_thickness - lower_thickness of real mouths: closing
    lips lift the jaw partly and the lower lip for the rest; lips that roll in take their outer edges along.
    """
    closing = np.clip(track.curve("mouthClose"), 0, 1)
    purse = _purse(track)
    press = _both(track, "mouthPress")
    opening = track.mouth_open
    jaw = JAW_OPEN_DROP * track.curve("jawOpen") * (1 - CLOSING_LIFTS_JAW * closing)
    raised = UPPER_LIP_RAISE * _both(track, "mouthUpperUp") * (1 - closing)
    rolled = LIP_ROLL * np.maximum(track.curve("mouthRollUpper"), press)
    upper_raise = raised - rolled - PURSE_LOWERS_LIP * purse
    upper_thickness = LIP_PUFF * purse - rolled
    lower_thickness = LIP_PUFF * purse - LIP_ROLL * np.maximum(track.curve("mouthRollLower"), press)
    controls = {
        "jaw": jaw,
        "open": opening,
        "width": _widening(track),
        "upper_raise": upper_raise,
        "lower_drop": opening - jaw - upper_raise + upper_thickness + lower_thickness,
        "corner": CORNER_PULL * _both(track, "mouthSmile") - CORNER_DROP * _both(track, "mouthFrown") - JAW_TAKES_CORNERS * jaw,
        "upper_thickness": upper_thickness,
        "lower_thickness": lower_thickness,
    }
    stacked: FloatArray = np.stack(list(controls.values()), axis=1).astype(np.float32)
    return stacked


def mouth_shaping(track: AnimationTrack) -> FloatArray:
    """(frames, 10): what the sides differ by, sideways motion, protrusion and what stays closed, in the order of `SHAPINGS`."""
    open_share = 1 - np.clip(track.curve("mouthClose"), 0, 1)
    smile = _difference(track, "mouthSmile")
    purse = np.minimum(track.curve("mouthPucker") + FUNNEL_PROTRUDES * track.curve("mouthFunnel"), 1)
    narrow = 1 - np.clip(_widening(track) / PARTED_WIDTH, 0, 1)
    rolled = track.curve("mouthRollLower") - np.maximum(track.curve("mouthRollUpper"), _both(track, "mouthPress"))
    shapes = {
        "width_side": MOUTH_SPREAD * (_difference(track, "mouthStretch") + SMILE_SPREAD_SHARE * smile),
        "corner_side": CORNER_PULL * smile - CORNER_DROP * _difference(track, "mouthFrown"),
        "raise_side": UPPER_LIP_RAISE * _difference(track, "mouthUpperUp") * open_share,
        "drop_side": LOWER_LIP_DROP * _difference(track, "mouthLowerDown") * open_share,
        "shift": MOUTH_SHIFT * (track.curve("mouthLeft") - track.curve("mouthRight")),
        "jaw_shift": JAW_SHIFT * (track.curve("jawLeft") - track.curve("jawRight")),
        "protrusion": np.maximum(purse, 0),
        "tuck": np.clip((rolled - TUCKED_FROM) / (TUCKED_AT - TUCKED_FROM), 0, 1),
        "seal_sides": narrow * _held(track.mouth_open, *SIDES_PART),
        "seal_corners": narrow * _held(track.mouth_open, *CORNERS_PART),
    }
    stacked: FloatArray = np.stack(list(shapes.values()), axis=1).astype(np.float32)
    return stacked


def _purse(track: AnimationTrack) -> Curve:
    """0..1: how far the lips are pursed."""
    return np.minimum(track.curve("mouthPucker") + track.curve("mouthFunnel"), 1)


def _widening(track: AnimationTrack) -> Curve:
    """Change of the mouth's width, E."""
    spread = np.minimum(_both(track, "mouthStretch") + SMILE_SPREAD_SHARE * _both(track, "mouthSmile"), 1)
    return MOUTH_SPREAD * spread - MOUTH_PURSE * _purse(track)


def _held(opening: Curve, last: float, parted: float) -> Curve:
    """What of openings, E, lips that stay together up to `last` hold back."""
    held: Curve = (np.minimum(opening, last) * (1 - smoothstep(opening, last, parted))).astype(np.float32)
    return held


@dataclass(frozen=True)
class MouthLimits:
    """How far one portrait's mouth may be driven."""

    gain: float
    """Share of the largest opening that its skin bears, 0.5..1."""
    smile: float
    """0..1: how far it smiles already; widening a smile further makes it a grimace."""
    upper_thickness: float
    """Visible height of the upper lip in E."""
    lower_thickness: float
    width: float
    """Distance of the corners in E."""


MOST_SPREAD: Final = 0.15
PURSED_SHARES: Final = (0.18, 0.28)
"""Shares of a mouth's width that it loses unchanged, and at most: filmed speakers lose 17 to 25 % of their median width."""
ROLLED_SHARE: Final = 0.45
"""Share of a lip's height that can roll in."""
SMILE_DAMPING: Final = 0.8


def limited(mouth: MouthControls, limits: MouthLimits) -> MouthControls:
    """The controls within what the portrait can show; near the limits they level off softly.

    The limits lie at the 95th to 99th percentile of the lip space, or where the skin would fold.
    """
    gain, damping = limits.gain, 1 - SMILE_DAMPING * limits.smile
    raised = _level_off(mouth.upper_raise, 0.06 * gain, 0.10 * gain)
    # Corners that drop below a raised lip fold its outer edge.
    lowest = 0.04 + 0.06 * (1 - max(raised, 0.0) / 0.10)
    return MouthControls(
        jaw=_level_off(mouth.jaw, 0.14 * gain, 0.22 * gain),
        open=_level_off(max(mouth.open, 0.0), 0.24 * gain, 0.36 * gain),
        width=_limited_width(mouth.width, damping, limits.width),
        upper_raise=raised,
        lower_drop=-_level_off(-_level_off(mouth.lower_drop, 0.09 * gain, 0.14 * gain), 0.05, 0.09),
        corner=mouth.corner * damping if mouth.corner > 0 else -_level_off(-mouth.corner, 0.6 * lowest, lowest),
        upper_thickness=max(mouth.upper_thickness, -ROLLED_SHARE * limits.upper_thickness),
        lower_thickness=max(mouth.lower_thickness, -ROLLED_SHARE * limits.lower_thickness),
    )


def _limited_width(change: float, damping: float, width: float) -> float:
    """The change of a mouth that is `width` wide, E."""
    if change > 0:
        return min(change * damping, MOST_SPREAD)
    knee, most = (share * width for share in PURSED_SHARES)
    return -_level_off(-change, knee, most)


SIDE_LIMITS: Final = {
    "width_side": 0.075,
    "corner_side": 0.06,
    "raise_side": 0.05,
    "drop_side": 0.06,
    "shift": 0.10,
    "jaw_shift": 0.09,
}
"""Most that the sides differ from their mean, and that lips and jaw go sideways, E."""


PURSED_DAMPING: Final = 0.7
"""Share of a one-sided pull at the corners that pushing the lips forward takes back."""
TUCKED_UP_TO: Final = 0.08
"""Gap of the lips, E, from which on the lower lip has left the teeth."""


def shaped(shaping: MouthShaping, limits: MouthLimits, opening: float = 0.0) -> MouthShaping:
    """The shaping within what the portrait can show.

    `opening` is the gap between the lips, E: open lips show the teeth already and need not be tucked apart. The corners of a
    mouth that smiles already are apart.
    """
    levelled = {name: _level_off_both(getattr(shaping, name), most * limits.gain) for name, most in SIDE_LIMITS.items()}
    damping = (1 - SMILE_DAMPING * limits.smile) * (1 - PURSED_DAMPING * min(shaping.protrusion, 1.0))
    levelled["width_side"] *= damping
    levelled["corner_side"] *= damping
    levelled |= {name: getattr(shaping, name) * (1 - limits.smile) for name in ("seal_sides", "seal_corners")}
    return replace(shaping, **levelled, tuck=shaping.tuck * max(0.0, 1 - opening / TUCKED_UP_TO))


def _level_off_both(value: float, most: float) -> float:
    """Unchanged up to two thirds of `most` to either side, beyond it approaching `most`."""
    return float(np.copysign(_level_off(abs(value), most * 2 / 3, most), value))


def _level_off(value: float, knee: float, most: float) -> float:
    """Unchanged up to the knee, beyond it approaching `most`."""
    if value <= knee:
        return value
    return knee + (most - knee) * float(np.tanh((value - knee) / (most - knee)))


def _both(track: AnimationTrack, name: str) -> Curve:
    """Mean of a shape's two sides."""
    return (track.curve(name + "Left") + track.curve(name + "Right")) / 2


def _difference(track: AnimationTrack, name: str) -> Curve:
    """Half of what a shape's left side exceeds its right one by."""
    return (track.curve(name + "Left") - track.curve(name + "Right")) / 2


def _press(track: AnimationTrack) -> Curve:
    """0..1: how firmly the lips are pressed, where they are closed."""
    firm = np.maximum(_both(track, "mouthPress"), np.minimum(track.curve("mouthRollUpper"), track.curve("mouthRollLower")))
    return np.clip(firm * np.clip(1 - track.mouth_open / 0.03, 0, 1), 0, 1)


def _blink(track: AnimationTrack, side: str) -> NDArray[np.float32]:
    return np.clip(track.curve("eyeBlink" + side) + SQUINT * track.curve("eyeSquint" + side), 0, 1)


def _gaze(track: AnimationTrack) -> tuple[Curve, Curve]:
    """Mean gaze of both eyes to the picture's right and down, half eye widths."""
    look = {name: track.curve("eyeLook" + name) for name in ("OutLeft", "InLeft", "OutRight", "InRight")}
    to_right = (look["OutLeft"] + look["InRight"] - look["InLeft"] - look["OutRight"]) / 2
    return GAZE_SIDE * to_right, GAZE_DOWN * _both(track, "eyeLookDown") - GAZE_UP * _both(track, "eyeLookUp")
