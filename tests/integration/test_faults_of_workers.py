"""Workers die, hang, stop and are given too much, on real servers: every accepted task ends once."""

import os
import signal

import psutil
import pytest
from fleet_house import Fleet
from fleet_servers import PATIENCE, Wire, eventually

pytestmark = pytest.mark.slow
MEBIBYTE = 1024 * 1024


def test_a_child_killed_in_the_middle_of_a_render_is_replaced_and_its_task_runs_again(fleet: Fleet):
    (hit,) = fleet.submit(1, mode="gate", name="killed", seconds=0.1)
    ids = [hit, *fleet.submit(2)]
    os.kill(fleet.gate("killed"), signal.SIGKILL)
    fleet.open_gate("killed")
    fleet.settle(ids)
    fleet.check(ids)
    assert fleet.row(hit)["attempts"] == 2


def test_when_a_whole_machine_dies_others_take_its_tasks(fleet: Fleet):
    doomed = fleet.worker()
    fleet.wait_for_workers(3)
    ids = fleet.submit(6, seconds=1)
    fleet.wait_until_held(doomed, ids)
    doomed.kill_all()
    fleet.settle(ids)
    fleet.machines.remove(doomed)  # its folder is gone with it
    fleet.check(ids)


def test_children_end_with_their_parent(fleet: Fleet):
    doomed = fleet.worker(concurrency=2)
    fleet.wait_for_workers(4)
    children = doomed.children()
    doomed.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    ids = fleet.submit(2)
    fleet.settle(ids)
    fleet.check(ids)
    fleet.machines.remove(doomed)


def test_a_worker_killed_between_upload_and_commit_leaves_one_output(fleet: Fleet):
    wire = Wire(fleet.postgresql.port)
    loner = fleet.worker(SPARK_AVATAR_DATABASE_URL=fleet.postgresql.url(wire.port), SPARK_AVATAR_PRICE_PER_SECOND="0.01")
    for worker in fleet.workers:
        psutil.Process(worker.pid).suspend()
    try:
        fleet.wait_for_workers(3)
        (task,) = fleet.submit(1, mode="gate", name="commit", seconds=0.1)
        pid = fleet.gate("commit")
        assert pid in {child.pid for child in loner.children()}
        wire.freeze()
        fleet.open_gate("commit")
        eventually(lambda: [s for s in fleet.storage().list("outputs") if task in s.key], "the video is stored")
        assert fleet.row(task)["status"] == "running"
        loner.kill_all()
    finally:
        wire.thaw()
        for worker in fleet.workers:
            psutil.Process(worker.pid).resume()
    fleet.settle([task])
    wire.close()
    fleet.machines.remove(loner)
    fleet.check([task])
    assert fleet.row(task)["attempts"] == 2


def test_a_worker_that_was_frozen_for_longer_than_its_lease_doubles_nothing(fleet: Fleet):
    (task,) = fleet.submit(1, mode="gate", name="frozen", seconds=0.1)
    process = psutil.Process(fleet.gate("frozen"))
    process.suspend()
    try:
        other = fleet.gate("frozen")
        assert (other != process.pid, fleet.row(task)["attempts"]) == (True, 2), "another worker took the task"
    finally:
        process.resume()
    fleet.open_gate("frozen")  # for both
    fleet.settle([task])
    fleet.check([task])
    assert fleet.row(task)["attempts"] == 2


def test_a_stopped_worker_hands_its_task_back_uncounted(fleet: Fleet):
    leaving = fleet.worker()
    fleet.wait_for_workers(3)
    ids = fleet.submit(3, mode="gate", name="drain", seconds=0.1)
    fleet.gate("drain")
    eventually(lambda: fleet.statuses(ids)["running"] == 3, "all three workers are busy")
    leaving.ask_to_stop()
    fleet.open_gate("drain")
    fleet.settle(ids)
    assert leaving.process.wait(PATIENCE) == 0
    fleet.check(ids)
    assert [fleet.row(task)["attempts"] for task in ids] == [1, 1, 1], "finished there, or handed back uncounted"
    fleet.machines.remove(leaving)
    (fleet.gates / "drain.go").unlink()


def test_a_task_that_outlasts_the_drain_is_handed_back_and_does_not_count(fleet: Fleet):
    leaving = fleet.worker()
    fleet.wait_for_workers(3)
    ids = fleet.submit(3, seconds=4)
    hit = fleet.wait_until_held(leaving, ids)
    leaving.ask_to_stop()
    assert leaving.process.wait(PATIENCE) == 0
    fleet.settle(ids, work=12)  # the others finish their own first
    fleet.check(ids)
    assert fleet.row(hit)["attempts"] == 1
    assert fleet.row(hit)["status"] == "completed"
    fleet.machines.remove(leaving)


def test_a_task_that_kills_every_worker_is_set_aside_and_the_rest_go_on(fleet: Fleet):
    (poison,) = fleet.submit(1, mode="poison")
    ids = fleet.submit(4)
    fleet.settle([poison, *ids])
    fleet.check([poison, *ids], failed={poison: "003016095"})
    row = fleet.row(poison)
    assert row["metadata"]["content"]["attempts"] == 3


def test_a_full_disk_fails_the_task_with_a_reason_and_nothing_else(fleet: Fleet):
    """The limit on a file's size stands for the full disk: that needs no file system of its own."""
    children = [child for worker in fleet.workers for child in worker.children()]
    usual = [child.rlimit(psutil.RLIMIT_FSIZE) for child in children]
    for child, (_, hard) in zip(children, usual, strict=True):
        child.rlimit(psutil.RLIMIT_FSIZE, (4 * MEBIBYTE, hard))
    try:
        full, *others = fleet.submit(1, mode="heavy") + fleet.submit(2)
        fleet.settle([full, *others])
    finally:
        for child, limits in zip(children, usual, strict=True):
            child.rlimit(psutil.RLIMIT_FSIZE, limits)
    fleet.check([full, *others], failed={full: "003016095"})
    again = fleet.submit(1, mode="heavy")
    fleet.settle(again)
    fleet.check(again)


def test_wake_ups_that_come_too_often_double_nothing(fleet: Fleet):
    ids = fleet.submit(3)
    fleet.send(20)
    fleet.settle(ids)
    fleet.check(ids)
    assert [fleet.row(task)["attempts"] for task in ids] == [1, 1, 1]
    eventually(lambda: fleet.depth() == 0, "the idle wake-ups are gone")


def test_a_worker_takes_only_what_its_engines_can_do(fleet: Fleet):
    other = fleet.worker(engines="portrait")
    fleet.wait_for_workers(3)
    ids = fleet.submit(4)
    fleet.settle(ids)
    fleet.check(ids)
    assert other.started_tasks() == {}
    assert set().union(*(worker.started_tasks() for worker in fleet.workers)) >= set(ids)
    fleet.retire(other)


def test_tasks_of_the_release_before_are_run(fleet: Fleet):
    """It stored no engine, and its server may have died before it woke anybody."""
    for worker in fleet.workers:
        psutil.Process(worker.pid).suspend()
    try:
        ids = fleet.submit(4)
        fleet.forget_engines(ids)
        eventually(lambda: fleet.purge() > 0, "there was a wake-up, and is none now")
    finally:
        for worker in fleet.workers:
            psutil.Process(worker.pid).resume()
    fleet.settle(ids)
    fleet.check(ids)
