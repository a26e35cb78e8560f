"""The boxes that an MP4 or MOV is made of (ISO/IEC 14496-12, 4.2), of finished files and of files that are being written."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_SMALL: Final = 8
_LARGE: Final = 16


@dataclass(frozen=True)
class FileBox:
    """One box at the top of a file."""

    kind: bytes
    start: int
    content: int
    """Where its contents begin."""
    end: int | None
    """None for the last box of a file that is being written: it reaches as far as there is a file."""


def top_boxes(file: BinaryIO) -> Iterator[FileBox]:
    """The boxes at the top of a file, up to the first that cannot be one."""
    place, size_of_file = 0, file.seek(0, os.SEEK_END)
    while place < size_of_file:
        file.seek(place)
        head = file.read(_LARGE)
        if len(head) < _SMALL:
            return
        size, kind = struct.unpack_from(">I4s", head)
        header = _SMALL
        if size == 1 and len(head) == _LARGE:
            size, header = struct.unpack_from(">Q", head, _SMALL)[0], _LARGE
        if size == 0:
            yield FileBox(kind, place, place + header, None)
            return
        if size < header:
            return
        yield FileBox(kind, place, place + header, place + size)
        place += size


def box_of_type(file: BinaryIO, extended: bytes) -> FileBox | None:
    """The first box at the top of a file whose kind is `uuid` and whose 16 bytes of extended type are these. They begin its
    contents.
    """
    for box in top_boxes(file):
        if box.kind == b"uuid":
            file.seek(box.content)
            if file.read(len(extended)) == extended:
                return box
    return None


def payload_of(file: BinaryIO) -> FileBox | None:
    """The box with the encoded pictures and sound; None where there is none, and while its contents are moved.

    FFmpeg leaves its end open as long as it grows. Then it sets the end, moves the contents back, unchanged, and writes the index
    in front of them.
    """
    indexed = False
    for box in top_boxes(file):
        if box.kind == b"mdat":
            return box if indexed or box.end is None else None
        indexed = indexed or box.kind == b"moov"
    return None
