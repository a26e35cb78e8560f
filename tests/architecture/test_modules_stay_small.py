"""A module that needs scrolling for long wants to be two."""

from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "spark_avatar"
LONGEST = 400


def test_no_module_is_longer_than_the_limit() -> None:
    lengths = {path.relative_to(SOURCES).as_posix(): len(path.read_text().splitlines()) for path in SOURCES.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
