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
_LARGEST: Final = 1e9
"""No pose comes near it; single precision, in which tracks are kept, overflows far beyond."""
_LARGEST_SLIP: Final = 0.01
"""Seconds that times may be beside their place where half a frame is less: those with two decimals are."""
_LARGEST_DRIFT: Final = 0.002
"""Of the time: 29.97 is often written as 30."""


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
        content = json.loads(text, object_pairs_hook=_unique)
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


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two members of one name JSON takes the last, and a curve would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidOptions(f"The animation track has `{twice}` twice: keep one.")
    return found


def _parse_csv(text: str) -> AnimationTrack:
    header, body = _table(text)
    columns = {name: _column(name, values) for name, values in zip(header, zip(*body.values(), strict=True), strict=True)}
    frames = len(body)
    rate = _frame_rate(next(iter(body.values()))[header.index("frame_rate")])  # not from the column: that is single precision
    _check_rates(columns["frame_rate"], list(body))
    if "seconds" in columns:
        _check_times(columns["seconds"], rate, list(body))

    def stacked(names: Iterable[str]) -> FloatArray:
        return np.stack([columns.get(name, np.zeros(frames, np.float32)) for name in names], axis=1)

    known = {"frame", "seconds", "frame_rate", "mouth_open", "breath", *_ROTATION, *_TRANSLATION}
    return _assemble(
        rate,
        frames,
        {name: values for name, values in columns.items() if name not in known},
        rotation=stacked(_ROTATION),
        translation=stacked(_TRANSLATION),
        breath=columns.get("breath", np.zeros(frames, np.float32)),
    )


def _table(text: str) -> tuple[list[str], dict[int, list[str]]]:
    """The names of the columns, and the frames' rows by their line; lines without a value are left out."""
    lines = text.splitlines()
    first = next(filter(str.strip, lines), "").strip()
    if "," not in first and (";" in first or "\t" in first):
        raise InvalidOptions(
            "The animation track has semicolons or tabs between its values: save it with commas there, and points in numbers."
        )
    try:
        rows = {number: row for number, row in enumerate(csv.reader(lines), start=1) if any(map(str.strip, row))}
    except csv.Error as error:
        raise InvalidOptions(f"The animation track is no CSV: {error}.") from error
    header = [name.strip() for name in rows.pop(next(iter(rows)))] if rows else []
    if not rows or "frame_rate" not in header:
        raise InvalidOptions("An animation track in CSV has a header with `frame_rate` and blendshapes, and a row per frame.")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InvalidOptions(f"The animation track has more than one column {twice[:40]!r}: leave one of them.")
    for number, row in rows.items():
        if len(row) != len(header):
            raise InvalidOptions(f"Line {number} of the animation track has {len(row)} values, the header {len(header)}.")
    return header, rows


def _check_rates(rates: FloatArray, lines: list[int]) -> None:
    other = np.flatnonzero(rates != rates[0])
    if len(other):
        raise InvalidOptions(
            f"`frame_rate` is {rates[0]:g} first and {rates[other[0]]:g} in line {lines[other[0]]} of the animation track: "
            "all its rows have the same."
        )


def _check_times(seconds: FloatArray, rate: Fraction, lines: list[int]) -> None:
    """Refuses frames that are out of order, left out, or at another rate than the track says; they may begin at any time."""
    elapsed = np.arange(len(seconds)) / float(rate)
    beside = np.abs(seconds.astype(np.float64) - seconds[0] - elapsed)
    backwards = np.diff(seconds, prepend=seconds[0]) < 0
    wrong = np.flatnonzero(backwards | (beside > max(0.5 / float(rate), _LARGEST_SLIP) + _LARGEST_DRIFT * elapsed))
    if len(wrong):
        at = wrong[0]
        raise InvalidOptions(
            f"`seconds` is {seconds[at]:g} in line {lines[at]} of the animation track, where {float(rate):g} frames a second "
            f"from {seconds[0]:g} on make it {seconds[0] + elapsed[at]:.3f}: put the rows in order, one for every frame, or "
            "mend `frame_rate`."
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
    parts = (content.get(name) for name in ("head_rotation", "head_translation", "breath"))
    return max((len(part) for part in parts if isinstance(part, list)), default=0)


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
        if abs(number) > _LARGEST:
            raise InvalidOptions(
                f"{name[:60]} of the animation track is {number:.3g} in frame {index}: no value goes beyond {_LARGEST:.0e}."
            )
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
