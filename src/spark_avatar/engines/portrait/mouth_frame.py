"""Where the lips of a portrait meet, and how its mouth closes."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from spark_avatar.engines.portrait.canvas import TEXTURE_SCALE, Canvas, MouthFrame
from spark_avatar.engines.portrait.curves import curve_through
from spark_avatar.engines.portrait.lip_space import MouthControls, lip_space
from spark_avatar.engines.portrait.sampling import Picture, sample
from spark_avatar.face.landmarks import (
    INNER_LIP_PAIRS,
    INNER_LIPS,
    LOWER_INNER,
    LOWER_MIDDLE,
    LOWER_OUTER,
    MOUTH_CORNERS,
    UPPER_INNER,
    UPPER_MIDDLE,
    UPPER_OUTER,
)
from spark_avatar.media.arrays import Points

Array = NDArray[np.float64]

LINE_SAMPLES: Final = 81
MIDDLE_HALF: Final = np.s_[LINE_SAMPLES // 4 : -LINE_SAMPLES // 4]
"""Of the line's samples."""
CLEARLY_OPEN: Final = 0.03
"""E: above this gap the mouth stands open."""
PERHAPS_OPEN: Final = 0.014
BRIGHT_SLIT: Final = 0.62
"""Above this brightness relative to the cheeks, a narrow slit shows teeth and not a shadow."""
CLOSED_GAP: Final = 0.004
"""E: below this nothing is left to close."""
CHEEKS: Final = (50, 280)
SMILE_START: Final = 0.60
SMILE_RANGE: Final = 0.14
"""Width of the mouth over E where a smile begins, and how much more makes it a full one."""

VALLEY_REACH: Final = 0.055
"""E: how far from the mesh's line the dark line between closed lips is looked for."""
VALLEY_BINS: Final = 45
VALLEY_PRIOR: Final = 0.35
VALLEY_SLOPE_COST: Final = 0.04
VALLEY_STEEPEST: Final = 2

SLIT_REACH: Final = 0.08
"""E: how far to either side of the line the lips themselves are looked at."""
SLIT_BINS: Final = 65
SLIT_BLACK: Final = 0.15
"""Share of the darker lip's brightness under which the line between lips that touch does not fall."""
SLIT_DARK: Final = 0.3
SLIT_HEIGHT: Final = 0.02
"""E: lips with so high a dark slit along the middle half of the mouth stand apart, whatever the mesh says."""

TEETH_REACH: Final = 0.045
"""E: how far beyond the mesh's line of an open mouth teeth may go on."""
TEETH_BINS: Final = 31
TEETH_COLUMNS: Final = 17
"""Of the line's samples: a row of teeth is not narrower, a gleam on the lip is."""
TEETH_PALER: Final = 0.55
"""Teeth have less than this share of the lips' saturation."""

CLOSING_SHARES: Final = ((0.35, 0.15, 0.15, 0.35), (0.44, 0.10, 0.16, 0.30))
"""What the jaw, the upper lip's outer edge, its height and the lower lip do of the closing of a mouth that stands a little open,
mostly a smile whose upper lip is raised, and of one that stands wide open, mostly a vowel whose jaw has dropped and whose upper
lip is stretched thin."""
WIDE_GAPS: Final = (0.10, 0.30)
"""E: from the one to the other."""

CORNERS_BACK: Final = 0.25
"""Of the jaw's way up that the corners come back with it: less than they go down with a jaw in speech, as those of a mouth that
stands wide open hang no lower."""

ROW_SHARES: Final = (0.85, 0.60, 0.45)
"""How much of the inner lip's closing residual the rows further out take along."""


def build_mouth_frame(canvas: Canvas) -> MouthFrame:
    """Finds the lips' lines in the portrait."""
    points, eye_distance = canvas.points, canvas.eye_distance
    right, left = points[MOUTH_CORNERS[0], :2], points[MOUTH_CORNERS[1], :2]
    width = float(np.linalg.norm(left - right))
    across = (left - right) / width
    down = np.array([-across[1], across[0]])
    centre = (right + left) / 2
    upper, lower = (_to_mouth(points[list(chain), :2], centre, across, down) for chain in (UPPER_INNER, LOWER_INNER))
    line_a = np.linspace(-width / 2, width / 2, LINE_SAMPLES)
    upper_b, lower_b = (_line(chain, line_a) for chain in (upper, lower))
    gap = float(np.linalg.norm(points[INNER_LIPS[0], :2] - points[INNER_LIPS[1], :2])) / eye_distance
    is_open = gap > CLEARLY_OPEN or (gap > PERHAPS_OPEN and _slit_is_bright(canvas))
    if is_open and not canvas.grey:
        upper_b -= _teeth_beyond(canvas, centre, across, -down, line_a, -upper_b)
        lower_b += _teeth_beyond(canvas, centre, across, down, line_a, lower_b)
    elif not is_open:
        middle = (upper_b + lower_b) / 2
        valley = _dark_valley(canvas, centre, across, down, line_a, middle)
        upper_b, lower_b = _slit_along(canvas, centre, across, down, line_a, valley)
        slit = float((lower_b - upper_b)[MIDDLE_HALF].mean()) / eye_distance
        is_open, gap = slit > 0, max(gap, slit)
    lower_b = np.maximum(lower_b, upper_b)
    snapped = points[:468, :2].copy()
    for chain, mouth_points, line_b in ((UPPER_INNER, upper, upper_b), (LOWER_INNER, lower, lower_b)):
        moved = mouth_points.copy()
        moved[1:-1, 1] = np.interp(moved[1:-1, 0], line_a, line_b)
        snapped[list(chain)] = centre + moved[:, :1] * across + moved[:, 1:] * down
    inner = points[[UPPER_INNER[0], UPPER_INNER[-1]], :2]
    smile = float(np.clip((width / eye_distance - SMILE_START) / SMILE_RANGE, 0.0, 1.0))
    return MouthFrame(
        centre=centre,
        across=across,
        down=down,
        width=width,
        inner_half_width=float(abs((inner[1] - inner[0]) @ across)) / 2,
        line_a=line_a,
        upper_b=upper_b,
        lower_b=lower_b,
        gap=gap,
        is_open=is_open,
        smile=smile,
        snapped=snapped,
        closing=_closing(canvas, snapped, down, gap, is_open, width),
    )


def natural_displacement(canvas: Canvas, controls: MouthControls) -> Points:
    """(468, 3): where the lip space moves the portrait's mesh points, output pixels."""
    moved: Points = np.einsum("k,kvi,ji->vj", controls.vector(), lip_space().basis, canvas.rotation) * canvas.eye_distance
    return moved


def _to_mouth(points: Points, centre: Points, across: Points, down: Points) -> Array:
    return np.stack([(points - centre) @ across, (points - centre) @ down], axis=1)


def _line(chain: Array, at: Array) -> Array:
    """An inner lip from corner to corner of the whole mouth."""
    ends = np.array([[at[0], 0.0], [at[-1], 0.0]])
    return curve_through(np.concatenate([ends[:1], chain[1:-1], ends[1:]]), at)


def _slit_is_bright(canvas: Canvas) -> bool:
    """Whether what shows between slightly parted lips is teeth."""
    points = canvas.points[:, :2]
    grey = cv2.cvtColor(canvas.texture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape

    def brightness(point: Points, reach: int) -> float:
        column, row = np.clip((point * TEXTURE_SCALE).astype(int), 0, [width - 1, height - 1])
        patch = grey[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        return float(np.median(patch))

    slit = [brightness((points[a] + points[b]) / 2, 0) for a, b in INNER_LIP_PAIRS]
    return float(np.median(slit)) > BRIGHT_SLIT * float(np.median([brightness(points[i], 3) for i in CHEEKS]))


def _teeth_beyond(canvas: Canvas, centre: Points, across: Points, away: Points, line_a: Array, line: Array) -> Array:
    """(n,) output pixels by which teeth go on beyond a lip's line, `line` along `away` from the mouth's middle.

    The mesh's line runs through the teeth where they stand before the lip. What it leaves to the lip would stay on it as a
    white rim when the mouth closes.
    """
    reach = TEETH_REACH * canvas.eye_distance
    offsets = np.linspace(0, 2 * reach, 2 * TEETH_BINS)
    colours = _profiles(canvas.texture, centre + line_a[:, None] * across + line[:, None] * away, offsets, away)
    strongest = colours.max(axis=2)
    saturation = (strongest - colours.min(axis=2)) / np.maximum(strongest, 1)
    lip = (MIDDLE_HALF, np.s_[TEETH_BINS:])
    teeth = (saturation < TEETH_PALER * np.median(saturation[lip])) & (strongest > np.median(strongest[lip]))
    run = np.cumprod(teeth[:, :TEETH_BINS], axis=1).sum(axis=1)
    ends = np.where(run == TEETH_BINS, 0, run) * (offsets[1] - offsets[0])
    rows = cv2.morphologyEx(ends[None], cv2.MORPH_OPEN, np.ones((1, TEETH_COLUMNS)))
    widened = cv2.dilate(np.minimum(ends, 2 * rows), np.ones((1, 3)))
    inner = 1 - np.abs(line_a / line_a[-1]) ** 6
    beyond: Array = cv2.GaussianBlur(widened, (0, 0), 1.5)[0] * inner
    return beyond


def _dark_valley(canvas: Canvas, centre: Points, across: Points, down: Points, line_a: Array, middle: Array) -> Array:
    """The line between closed lips: the darkest smooth path near the mesh's line, by dynamic programming.

    The mesh is off by 0.6 to 2.4 pixels on faces of 512-pixel pictures; without the correction the upper lip takes a sliver
    of the lower one along.
    """
    reach = VALLEY_REACH * canvas.eye_distance
    offsets = np.linspace(-reach, reach, VALLEY_BINS)
    grey = cv2.cvtColor(canvas.texture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), max(0.8, 0.006 * canvas.eye_distance) * TEXTURE_SCALE).astype(np.float32)
    dark = _profiles(soft, centre + line_a[:, None] * across + middle[:, None] * down, offsets, down)
    dark = (dark - dark.min(axis=1, keepdims=True)) / (np.ptp(dark) + 1e-3)
    path = _cheapest_path(dark + VALLEY_PRIOR * (offsets / reach) ** 2)
    valley = middle + cv2.GaussianBlur(offsets[path][None], (0, 0), 2.5)[0]
    to_mesh = np.abs(line_a / line_a[-1]) ** 6
    line: Array = valley * (1 - to_mesh) + middle * to_mesh
    return line


def _slit_along(
    canvas: Canvas, centre: Points, across: Points, down: Points, line_a: Array, valley: Array
) -> tuple[Array, Array]:
    """(n,) twice: where the slit between parted lips begins and ends; both are the valley where lips touch.

    The mesh takes lips that stand a little apart, with darkness between them, for closed ones. The dark band would stay on
    them, and grow where they are pushed forward.
    """
    offsets = np.linspace(-SLIT_REACH, SLIT_REACH, SLIT_BINS) * canvas.eye_distance
    grey = cv2.cvtColor(canvas.texture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = _profiles(grey, centre + line_a[:, None] * across + valley[:, None] * down, offsets, down)
    half, third = SLIT_BINS // 2, SLIT_BINS // 3
    lips = min(np.median(light[MIDDLE_HALF, :third]), np.median(light[MIDDLE_HALF, -third:]))
    black = np.median(light[MIDDLE_HALF, third:-third].min(axis=1)) < SLIT_BLACK * lips
    runs = (np.cumprod(side < SLIT_DARK * lips, axis=1).sum(axis=1) for side in (light[:, half::-1], light[:, half:]))
    above, below = (np.maximum(run - 0.5, 0) * (offsets[1] - offsets[0]) for run in runs)
    if not black or np.quantile((above + below)[MIDDLE_HALF], 0.2) < SLIT_HEIGHT * canvas.eye_distance:
        return valley, valley
    inner = 1 - np.abs(line_a / line_a[-1]) ** 6
    above, below = (cv2.GaussianBlur(run[None], (0, 0), 1.5)[0] * inner for run in (above, below))
    return valley - above, valley + below


def _profiles(texture: Picture, line: Points, offsets: Array, direction: Points) -> Array:
    """(points, offsets) or (points, offsets, 3): a texture along `direction` through each of the line's points, (points, 2)."""
    places = line[:, None] + offsets[:, None] * direction
    return np.asarray(sample(texture, ((places + 0.5) * TEXTURE_SCALE - 0.5).astype(np.float32)), dtype=np.float64)


def _cheapest_path(cost: Array) -> NDArray[np.intp]:
    """One bin per column of (columns, bins), neighbours at most `VALLEY_STEEPEST` bins apart, of least total cost."""
    steps = np.arange(-VALLEY_STEEPEST, VALLEY_STEEPEST + 1)
    columns, bins = cost.shape
    came_from = np.zeros((columns, bins), dtype=np.intp)
    total = cost[0]
    for column in range(1, columns):
        padded = np.pad(total, VALLEY_STEEPEST, constant_values=np.inf)
        options = np.stack([padded[VALLEY_STEEPEST + s : VALLEY_STEEPEST + s + bins] + VALLEY_SLOPE_COST * abs(s) for s in steps])
        best = options.argmin(axis=0)
        came_from[column] = np.arange(bins) + steps[best]
        total = cost[column] + options.min(axis=0)
    path = np.empty(columns, dtype=np.intp)
    path[-1] = total.argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path


def _closing(canvas: Canvas, snapped: Points, down: Points, gap: float, is_open: bool, width: float) -> Points:
    """Displacement that closes the mouth: as people close it, then exactly, half by each lip."""
    natural = np.zeros((468, 3))
    if gap <= CLOSED_GAP:
        return natural
    if is_open:
        grin = float(np.clip((width / canvas.eye_distance - 0.60) / 0.2, 0.0, 1.0))
        wide = float(np.clip((gap - WIDE_GAPS[0]) / (WIDE_GAPS[1] - WIDE_GAPS[0]), 0.0, 1.0))
        little, much = (gap * np.array(shares) for shares in CLOSING_SHARES)
        jaw, raised, thickened, dropped = (1 - wide) * little + wide * much
        controls = MouthControls(
            open=-gap,
            jaw=-jaw,
            upper_raise=-raised,
            upper_thickness=thickened,
            lower_drop=-dropped,
            width=-0.06 * grin,
            corner=CORNERS_BACK * jaw - 0.02 * grin,
        )
        natural = natural_displacement(canvas, controls)
    closing = natural.copy()
    for upper, lower in zip(UPPER_INNER[1:-1], LOWER_INNER[1:-1], strict=True):
        left_over = (snapped[lower] + natural[lower, :2] - snapped[upper] - natural[upper, :2]) @ down
        closing[upper, :2] += 0.5 * left_over * down
        closing[lower, :2] -= 0.5 * left_over * down
    for inner, middle, outer in ((UPPER_INNER, UPPER_MIDDLE, UPPER_OUTER), (LOWER_INNER, LOWER_MIDDLE, LOWER_OUTER)):
        residual = closing[list(inner[1:-1]), :2] - natural[list(inner[1:-1]), :2]
        for row, share in zip((middle[:9], middle[9:], outer[1:-1]), ROW_SHARES, strict=True):
            closing[list(row), :2] += share * residual
    return closing
