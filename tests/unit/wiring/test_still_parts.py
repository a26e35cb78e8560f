"""A frame that is written as what moved since the last one is the whole frame: pictures, marks and file."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from spark_avatar.media.caption import Caption
from spark_avatar.media.samples import sample_speech
from spark_avatar.media.video import VideoWriter, read_frames
from spark_avatar.media.video_format import FORMATS
from spark_avatar.provenance.marks import VideoMarks

WIDTH, HEIGHT = 256, 192
MOVING = (37, 5, 151, 148)
"""Odd corners, across the label."""


def scene() -> list[np.ndarray]:
    """Noise, that changes within the box."""
    random = np.random.default_rng(5)
    still = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    x0, y0, x1, y1 = MOVING
    frames = []
    for _ in range(8):
        frame = still.copy()
        frame[y0:y1, x0:x1] = random.integers(0, 256, (y1 - y0, x1 - x0, 3), dtype=np.uint8)
        frames.append(frame)
    return frames


def write(path: Path, moving: tuple[int, int, int, int] | None, label: str | None, frames: list[np.ndarray]) -> Path:
    marks = VideoMarks(0x1B4E28BA2FA14D2C, Caption(label) if label else None, always=False)
    with VideoWriter(
        path,
        width=WIDTH,
        height=HEIGHT,
        frame_rate=Fraction(25),
        audio=sample_speech(),
        seconds=len(frames) / 25,
        mark=marks,
        video=FORMATS[path.suffix[1:]],
        moving=moving,
    ) as video:
        for frame in frames:
            video.write(frame)
    return path


@pytest.mark.parametrize("label", [None, "AI-generated"])
def test_parts_make_the_same_file(tmp_path: Path, label: str | None) -> None:
    frames = scene()
    whole = write(tmp_path / "whole.mp4", None, label, frames)
    parts = write(tmp_path / "parts.mp4", MOVING, label, frames)
    assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["webm", "mov"])
def test_parts_make_the_same_pictures_in_every_format(tmp_path: Path, name: str) -> None:
    frames = scene()
    whole = read_frames(write(tmp_path / f"whole.{name}", None, None, frames))
    parts = read_frames(write(tmp_path / f"parts.{name}", MOVING, None, frames))
    for expected, shown in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(shown, expected)


def test_only_the_named_box_is_looked_at(tmp_path: Path) -> None:
    frames = scene()
    disturbed = [frames[0], *(frame.copy() for frame in frames[1:])]
    for frame in disturbed[1:]:
        frame[160:] = 0
    calm = write(tmp_path / "calm.mp4", MOVING, None, frames)
    assert write(tmp_path / "disturbed.mp4", MOVING, None, disturbed).read_bytes() == calm.read_bytes()
