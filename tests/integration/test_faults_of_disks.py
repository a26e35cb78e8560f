"""A worker's disk is full: a small file system of its own, which is really filled."""

import re
from collections.abc import Iterator

import httpx
import psutil
import pytest
from fleet_faults import DISK_BYTES, MEBIBYTE, SmallDisk, on_a_small_disk
from fleet_house import Fleet
from fleet_servers import eventually
from not_here import not_here

pytestmark = pytest.mark.slow
LEAST = 8 * MEBIBYTE


@pytest.fixture(scope="module")
def third(shared_fleet: Fleet) -> Iterator[SmallDisk]:
    """A third worker, whose scratch folder is a file system of 40 MiB; the others have all the room."""
    inside = on_a_small_disk()
    if not inside:
        not_here("small disks", "this system lets nobody mount a file system of his own")
    machine = shared_fleet.worker(inside=inside, SPARK_AVATAR_MIN_FREE_BYTES=str(LEAST))
    shared_fleet.workers.append(machine)
    disk = SmallDisk(machine)
    shared_fleet.wait_for_workers(3)
    eventually(lambda: machine.children() and disk.free <= DISK_BYTES, "it has its disk")
    yield disk
    shared_fleet.workers.remove(machine)
    machine.kill_all()
    shared_fleet.machines.remove(machine)


@pytest.fixture
def small(fleet: Fleet, third: SmallDisk) -> Iterator[SmallDisk]:
    """It, with an empty disk."""
    assert third.machine in fleet.workers
    eventually(lambda: fleet.state_of(third.machine) == {"idle"}, "it takes tasks")
    yield third
    third.clear()


@pytest.fixture
def alone(fleet: Fleet, small: SmallDisk) -> SmallDisk:
    """The same, while the others sleep."""
    for process in others(fleet, small):
        process.suspend()
    return small


def wake(fleet: Fleet, small: SmallDisk) -> None:
    for process in others(fleet, small):
        process.resume()


def others(fleet: Fleet, small: SmallDisk) -> list[psutil.Process]:
    workers = [worker for worker in fleet.workers if worker is not small.machine]
    return [process for worker in workers for process in (psutil.Process(worker.pid), *worker.children())]


def test_a_worker_with_a_full_disk_leaves_the_tasks_to_others(fleet: Fleet, small: SmallDisk):
    small.fill(but=LEAST // 2)
    eventually(lambda: fleet.state_of(small.machine) == {"full"}, "it says so")
    metrics = httpx.get(f"{fleet.servers[0].url}/metrics").text
    assert re.search(r'spark_avatar_workers\{state="full"\} [1-9]', metrics)
    ids = fleet.submit(6, seconds=0.5)
    fleet.settle(ids)
    fleet.check(ids)
    rows = [fleet.row(task) for task in ids]
    assert [row["attempts"] for row in rows] == [1] * 6
    small.clear()
    eventually(lambda: fleet.state_of(small.machine) == {"idle"}, "there is room again")
    again = fleet.submit(6, seconds=0.5)
    fleet.wait_until_held(small.machine, again)
    fleet.settle(again)
    fleet.check(again)


def test_a_task_whose_disk_fills_up_is_finished_elsewhere_and_loses_no_attempt(fleet: Fleet, alone: SmallDisk):
    (task,) = fleet.submit(1, mode="gate", name="disk", seconds=0.1)
    assert fleet.gate("disk") in {child.pid for child in alone.machine.children()}
    alone.fill(but=0)
    fleet.open_gate("disk")
    eventually(lambda: fleet.row(task)["status"] == "queued", "the task is handed back")
    assert fleet.row(task)["attempts"] == 0
    wake(fleet, alone)
    fleet.settle([task])
    fleet.check([task])
    assert fleet.row(task)["attempts"] == 1
    assert "the disk is full" in alone.machine.log.read_text()
    (fleet.gates / "disk.go").unlink()


def test_a_task_that_is_too_large_for_the_disk_fails_with_a_reason(fleet: Fleet, alone: SmallDisk):
    alone.fill(but=LEAST + 2 * MEBIBYTE)
    (task,) = fleet.submit(1, mode="heavy", seconds=0.1)
    eventually(lambda: fleet.row(task)["status"] == "failed", "it has failed")
    wake(fleet, alone)
    fleet.check([task], failed={task: "003016095"})
    assert "disk space" in str(fleet.row(task)["failure"])
