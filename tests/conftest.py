"""For all tests: in which order, and in which process, `make test` runs them."""

from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

FIRST = ("integration", "acceptance", "browser")
"""Folders whose files take longest; the fleets before all others, as they take longest of all."""
FLEETS = (
    {"test_faults_of_clocks", "test_faults_of_uploads", "test_faults_of_workers", "test_queue_workers"},
    {
        "test_faults_of_disks",
        "test_faults_of_servers",
        "test_long_recordings_on_a_fleet",
        "test_rolling_upgrades",
        "test_waiting_for_servers",
    },
)
"""Files that share a fleet, in two halves of about six minutes, most of it waits. A third fleet would cost half a minute of
processor time to start, and some for as long as it stands.
"""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files begin first: one that began last would be waited for by all others. Beyond that the order stays random."""
    items.sort(key=lambda item: next((place for place, name in enumerate(FIRST) if name in item.path.parts), len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Of `--dist loadfile` alone."""
    return SharedFleets(config, log) if config.getvalue("dist") == "loadfile" else None


class SharedFleets(LoadFileScheduling):
    """Gives a process whole files, and those that share a fleet one after another."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((f"fleet {number}" for number, names in enumerate(FLEETS) if Path(file).stem in names), file)
