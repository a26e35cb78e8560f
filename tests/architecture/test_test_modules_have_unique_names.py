"""Pytest imports test modules by their base name."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_name_comes_twice() -> None:
    names = Counter(path.name for path in TESTS.rglob("*.py") if path.name not in ("conftest.py", "__init__.py"))
    assert [name for name, count in names.items() if count > 1] == []
