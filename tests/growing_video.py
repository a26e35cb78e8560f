"""A file that grows as FFmpeg writes an MP4 with its index in front, byte by byte what a test wants."""

import struct
from pathlib import Path

HEAD = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4s", 8, b"free")


def begin(path: Path, payload: bytes) -> None:
    """A file whose encoder has written so much."""
    path.write_bytes(HEAD + struct.pack(">I4s", 0, b"mdat") + payload)


def go_on(path: Path, payload: bytes) -> None:
    with path.open("ab") as file:
        file.write(payload)


def ended(payload: bytes) -> bytes:
    """Its encoder has written all, and moves it to make room for the index."""
    return HEAD + struct.pack(">I4s", 8 + len(payload), b"mdat") + payload


def finished(payload: bytes, *, index: int = 5_000, tail: int = 900) -> bytes:
    """The same with so long an index, and so much behind: what is stored in the end."""
    front = HEAD + struct.pack(">I4s", index, b"moov") + bytes(index - 8)
    return front + struct.pack(">I4s", 8 + len(payload), b"mdat") + payload + struct.pack(">I4s", tail, b"uuid") + bytes(tail - 8)
