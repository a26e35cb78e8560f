"""Machines whose clocks are wrong, and clocks that jump in the middle of work: libfaketime sets the time of single processes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleet_faults import SkewedClock, clock_library
from fleet_house import LEASE_SECONDS, Fleet
from fleet_servers import eventually
from not_here import not_here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def library() -> Path:
    """What sets the clock."""
    found = clock_library()
    if found is None:
        not_here("clocks", "the package libfaketime has no library for this system")
    return found


def test_workers_and_servers_with_wrong_clocks_work_with_the_others(fleet: Fleet, library: Path, tmp_path: Path):
    ahead, behind = (SkewedClock(library, tmp_path / name) for name in ("ahead", "behind"))
    ahead.set(+7)
    behind.set(-7)
    server = fleet.server(**ahead.environment)
    machines = [fleet.worker(**clock.environment) for clock in (ahead, behind)]
    fleet.wait_for_workers(4)
    # Longer than a lease, so that one that was judged by the wrong clock would be taken away.
    ids = fleet.submit(2, server=server, seconds=LEASE_SECONDS * 1.3) + fleet.submit(2, seconds=LEASE_SECONDS * 1.3)
    fleet.settle(ids, work=LEASE_SECONDS * 3)
    fleet.check(ids)
    assert [fleet.row(task)["attempts"] for task in ids] == [1] * 4
    created = fleet.row(ids[0])["created_at"]
    assert isinstance(created, datetime)
    assert abs(created - datetime.now(UTC) - timedelta(hours=7)) < timedelta(minutes=10), "the server's clock really was wrong"
    fleet.retire(server, *machines)


def test_a_clock_that_jumps_in_the_middle_of_a_render_costs_nothing(fleet: Fleet, library: Path, tmp_path: Path):
    clock = SkewedClock(library, tmp_path / "clock")
    server, worker = fleet.server(**clock.environment), fleet.worker(**clock.environment)
    fleet.wait_for_workers(3)
    ids = fleet.submit(3, server=server, seconds=LEASE_SECONDS * 2)
    eventually(lambda: fleet.statuses(ids)["running"] == 3, "all three workers are busy")
    for hours in (+5, -5, 0):
        clock.set(hours)
        _beats(fleet, ids)
    fleet.settle(ids)
    fleet.check(ids)
    assert [fleet.row(task)["attempts"] for task in ids] == [1, 1, 1]
    fleet.retire(server, worker)


def test_a_dead_worker_whose_clock_was_far_ahead_is_missed_in_time(fleet: Fleet, library: Path, tmp_path: Path):
    """Its lease ends tomorrow by its own clock."""
    clock = SkewedClock(library, tmp_path / "clock")
    clock.set(+24)
    doomed = fleet.worker(**clock.environment)
    fleet.wait_for_workers(3)
    ids = fleet.submit(3, seconds=LEASE_SECONDS * 2)
    hit = fleet.wait_until_held(doomed, ids)
    doomed.kill_all()
    fleet.machines.remove(doomed)
    fleet.settle(ids, work=LEASE_SECONDS * 4)  # the survivors finish their own first
    fleet.check(ids)
    assert fleet.row(hit)["attempts"] == 2


def _beats(fleet: Fleet, ids: list[str]) -> None:
    """Every holder has renewed its lease since the clock was set."""
    before = {task: fleet.row(task)["lease_until"] for task in ids}
    eventually(
        lambda: all(
            row["status"] != "running" or row["lease_until"] != before[task] for task in ids for row in [fleet.row(task)]
        ),
        "leases are renewed",
    )
