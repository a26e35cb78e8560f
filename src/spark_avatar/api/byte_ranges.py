"""Range requests (RFC 9110, 14): one range of bytes of a file."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """The bytes [start, end) of a file of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """The header that names the range; its last byte is included."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


class RangeNotSatisfiable(Exception):
    """The range lies beyond the file, or holds no byte."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a `Range` header asks for; None stands for the whole file.

    A header that cannot be read, and one that asks for several ranges, are ignored, as the standard allows. Raises
    `RangeNotSatisfiable`.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        return _checked(max(0, size - int(last)), size, size)
    if last and int(last) < int(first):
        return None  # a range that is no range: to be ignored
    return _checked(int(first), min(size, int(last) + 1) if last else size, size)


def _checked(start: int, end: int, size: int) -> ByteRange:
    if start >= end:
        raise RangeNotSatisfiable
    return ByteRange(start, end, size)
