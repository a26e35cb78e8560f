"""Animation tracks as files: JSON (everything) and CSV (one row per frame), for game engines and for `render --track`."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from spark_avatar.animation.blendshapes import BLENDSHAPES
from spark_avatar.animation.track import AnimationTrack
from spark_avatar.errors import InvalidOptions
from spark_avatar.media.arrays import FloatArray

_ROTATION: Final = ("head_yaw", "head_pitch", "head_roll")
_TRANSLATION: Final = ("head_x", "head_y", "head_z")
_SLOWEST: Final = 1
_FASTEST: Final = 240
# Broadcast rates such as 30000/1001 are written as decimals.
_LARGEST_DENOMINATOR: Final = 1001
# Trackers write values slightly outside 0..1.
_TOLERANCE: Final = 0.05


def write_track(track: AnimationTrack, path: Path) -> None:
    """Writes a track; the suffix decides: `.csv`, anything else is JSON. Values keep five decimals."""
    if path.suffix.lower() == ".csv":
        _write_csv(track, path)
    else:
        path.write_text(json.dumps(track.to_dict()) + "\n", encoding="utf-8")


def read_track(path: Path) -> AnimationTrack:
    """Reads a track; the suffix decides as in `write_track`.

    Blendshapes, head pose and breath that the file does not hold are 0; names that are not ARKit's are refused. Raises
    `InvalidOptions` with the place of the fault if the file is no track.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidOptions("The animation track is no text file.") from error
    return _parse_csv(text) if path.suffix.lower() == ".csv" else _parse_json(text)


def _write_csv(track: AnimationTrack, path: Path) -> None:
    header = ("frame", "seconds", "frame_rate", *BLENDSHAPES, "mouth_open", *_ROTATION, *_TRANSLATION, "breath")
    rate = float(track.frame_rate)
    values = np.column_stack(
        [track.blendshapes, track.mouth_open, track.head_rotation, track.head_translation, track.breath]
    ).astype(np.float64)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        for frame, row in enumerate(values):
            rows.writerow([frame, f"{frame / rate:.6f}", f"{rate:.9f}", *(f"{value:.5f}" for value in row)])


def _parse_json(text: str) -> AnimationTrack:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOptions(f"The animation track is no JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("blendshapes"), dict):
        raise InvalidOptions("An animation track is a JSON object with `frame_rate` and `blendshapes` (name -> list).")
    curves = {str(name): _column(f"blendshapes.{name}", values) for name, values in content["blendshapes"].items()}
    frames = len(next(iter(curves.values()))) if curves else _count(content)
    return _assemble(
        _frame_rate(content.get("frame_rate")),
        frames,
        curves,
        rotation=_rows(content, "head_rotation", frames),
        translation=_rows(content, "head_translation", frames),
        breath=_column("breath", content.get("breath", [0.0] * frames)),
    )


def _parse_csv(text: str) -> AnimationTrack:
    rows = list(csv.reader(text.splitlines()))
    if len(rows) < 2 or "frame_rate" not in rows[0]:
        raise InvalidOptions("An animation track in CSV has a header with `frame_rate` and blendshapes, and a row per frame.")
    header, body = [name.strip() for name in rows[0]], rows[1:]
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise InvalidOptions(f"Line {number} of the animation track has {len(row)} values, the header {len(header)}.")
    columns = {name: _column(name, values) for name, values in zip(header, zip(*body, strict=True), strict=True)}
    frames = len(body)

    def stacked(names: Iterable[str]) -> FloatArray:
        return np.stack([columns.get(name, np.zeros(frames, np.float32)) for name in names], axis=1)

    known = {"frame", "seconds", "frame_rate", "mouth_open", "breath", *_ROTATION, *_TRANSLATION}
    return _assemble(
        _frame_rate(body[0][header.index("frame_rate")]),  # not from the column: single precision blurs 30000/1001
        frames,
        {name: values for name, values in columns.items() if name not in known},
        rotation=stacked(_ROTATION),
        translation=stacked(_TRANSLATION),
        breath=columns.get("breath", np.zeros(frames, np.float32)),
    )


def _assemble(
    rate: Fraction,
    frames: int,
    curves: Mapping[str, FloatArray],
    *,
    rotation: FloatArray,
    translation: FloatArray,
    breath: FloatArray,
) -> AnimationTrack:
    if frames == 0:
        raise InvalidOptions("The animation track has no frames.")
    blendshapes = np.zeros((frames, len(BLENDSHAPES)), np.float32)
    for name, values in curves.items():
        if name not in BLENDSHAPES:
            raise InvalidOptions(f"The animation track names a blendshape that ARKit does not know: {name[:40]!r}.")
        _same_length(name, values, frames)
        if values.min() < -_TOLERANCE or values.max() > 1 + _TOLERANCE:
            raise InvalidOptions(f"Values of {name} run from {values.min():.3g} to {values.max():.3g}; they lie in 0..1.")
        blendshapes[:, BLENDSHAPES.index(name)] = np.clip(values, 0, 1)
    for name, part in (("head_rotation", rotation), ("head_translation", translation), ("breath", breath)):
        _same_length(name, part, frames)
    return AnimationTrack(rate, blendshapes, rotation, translation, breath)


def _same_length(name: str, values: FloatArray, frames: int) -> None:
    if len(values) != frames:
        raise InvalidOptions(f"{name} has {len(values)} frames, the animation track {frames}.")


def _frame_rate(value: object) -> Fraction:
    number = _number(value)
    if number is None or not _SLOWEST <= number <= _FASTEST:
        raise InvalidOptions(f"`frame_rate` of an animation track is a number from {_SLOWEST} to {_FASTEST}.")
    return Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)


def _count(content: Mapping[str, object]) -> int:
    """Frames of a track that moves no blendshape."""
    rotation = content.get("head_rotation")
    return len(rotation) if isinstance(rotation, list) else 0


def _rows(content: Mapping[str, object], name: str, frames: int) -> FloatArray:
    """(frames, 3) of a list of triples."""
    rows = content.get(name, [[0.0] * 3] * frames)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        raise InvalidOptions(f"`{name}` of an animation track is a list of three numbers per frame.")
    flat: FloatArray = _column(name, [value for row in rows for value in row]).reshape(-1, 3)
    return flat


def _column(name: str, values: object) -> FloatArray:
    """(frames,) finite numbers."""
    if not isinstance(values, list | tuple):
        raise InvalidOptions(f"{name[:60]} of the animation track is no list.")
    numbers = [_number(value) for value in values]
    for index, number in enumerate(numbers):
        if number is None:
            raise InvalidOptions(f"{name[:60]} of the animation track holds no number in frame {index}.")
    return np.array(numbers, np.float32)


def _number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
