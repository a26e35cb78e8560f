"""Range headers against RFC 9110, 14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.api.byte_ranges import ByteRange, RangeNotSatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-499", (0, 500)),
        ("bytes=500-", (500, 1000)),
        ("bytes=-200", (800, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=999-5000", (999, 1000)),
        ("BYTES = 1-2", (1, 3)),
        (" bytes=1-2 ", (1, 3)),
    ],
)
def test_one_range_is_read(header: str, expected: tuple[int, int]) -> None:
    found = parse_range(header, 1000)
    assert found is not None
    assert (found.start, found.end) == expected


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=", "bytes=-", "bytes=1-2,4-5", "lines=1-2", "bytes=x-y", "bytes=5-2", "bytes=٣-٤"[:6]]
)
def test_what_cannot_be_read_means_the_whole_file(header: str | None) -> None:
    assert parse_range(header, 1000) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=1000-", 1000), ("bytes=5000-6000", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)]
)
def test_a_range_without_bytes_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, size)


def test_the_header_names_the_last_byte() -> None:
    assert ByteRange(0, 500, 1000).content_range == "bytes 0-499/1000"


@given(st.text(max_size=30), st.integers(0, 10**12))
def test_no_header_gives_bytes_outside_the_file(rest: str, size: int) -> None:
    try:
        found = parse_range("bytes=" + rest, size)
    except RangeNotSatisfiable:
        return
    assert found is None or 0 <= found.start < found.end <= size
