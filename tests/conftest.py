"""For all tests."""

import pytest

STARTS_PROGRAMS = {"acceptance", "browser", "integration"}
"""Folders whose files take longest."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files begin first: one that began last would be waited for by all others. Beyond that the order stays random."""
    items.sort(key=lambda item: STARTS_PROGRAMS.isdisjoint(item.path.parts))
