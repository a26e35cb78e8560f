"""Boxes of whole files, of files that grow, and of files that are none."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from spark_avatar.media.boxes import payload_of, top_boxes
from spark_avatar.media.video import VideoWriter

FLUSHED = 1_000_000
FTYP = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)


def kinds(content: bytes) -> list[bytes]:
    return [box.kind for box in top_boxes(io.BytesIO(content))]


def test_boxes_follow_one_another():
    content = FTYP + struct.pack(">I4s", 12, b"free") + b"abcd" + struct.pack(">I4s", 8, b"moov")
    boxes = list(top_boxes(io.BytesIO(content)))
    assert [(box.kind, box.start, box.content, box.end) for box in boxes] == [
        (b"ftyp", 0, 8, 16),
        (b"free", 16, 24, 28),
        (b"moov", 28, 36, 36),
    ]


def test_a_box_of_more_than_four_gigabytes_has_its_size_behind_its_name():
    content = FTYP + struct.pack(">I4s", 8, b"moov") + struct.pack(">I4sQ", 1, b"mdat", 5_000_000_000)
    payload = payload_of(io.BytesIO(content))
    assert (payload.content, payload.end) == (40, 24 + 5_000_000_000)


def test_a_payload_that_has_ended_is_none_until_the_index_stands_in_front_of_it():
    """Meanwhile it is moved."""
    payload = struct.pack(">I4s", 16, b"mdat") + b"pictures"
    assert payload_of(io.BytesIO(FTYP + payload)) is None
    assert payload_of(io.BytesIO(FTYP + struct.pack(">I4s", 8, b"moov") + payload)).end == 40


def test_the_payload_of_a_growing_file_has_no_end_yet():
    payload = payload_of(io.BytesIO(FTYP + struct.pack(">I4s", 0, b"mdat") + b"pictures"))
    assert (payload.content, payload.end) == (24, None)


@pytest.mark.parametrize(
    "content", [b"", b"abc", FTYP, FTYP + b"\0\0\0", FTYP + struct.pack(">I4s", 3, b"mdat"), b"RIFF" + bytes(40)]
)
def test_what_has_no_payload_has_none(content: bytes):
    assert payload_of(io.BytesIO(content)) is None


def test_what_cannot_be_a_box_ends_the_walk():
    assert kinds(FTYP + struct.pack(">I4s", 4, b"free") + bytes(100)) == [b"ftyp"]


def test_the_encoder_leaves_the_payload_open_and_then_moves_it_unchanged(tmp_path: Path):
    """What storing a video while it is rendered rests on."""
    path, random = tmp_path / "video.mp4", np.random.default_rng(1)
    with VideoWriter(path, width=320, height=320, frame_rate=Fraction(25), audio=None, seconds=2.0) as video:
        for _ in range(video.frames):
            video.write(random.integers(0, 255, (320, 320, 3), dtype=np.uint8))
            if path.exists() and path.stat().st_size > FLUSHED:
                break
        with path.open("rb", buffering=0) as file:
            growing = payload_of(file)
            file.seek(growing.content)
            early = file.read()
        for _ in range(video.frames - video._written):
            video.write(random.integers(0, 255, (320, 320, 3), dtype=np.uint8))
    assert growing.end is None
    content = path.read_bytes()
    payload = payload_of(io.BytesIO(content))
    assert payload.content > growing.content
    assert payload.end == len(content)
    assert len(early) > FLUSHED - 100
    assert content[payload.content : payload.content + len(early)] == early
