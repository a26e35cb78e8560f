import threading
from datetime import timedelta
from pathlib import Path

import pytest
from service_house import House, ManualClock

from spark_avatar.service.recovery import Sweeper
from spark_avatar.service.workdirs import workdir_name
from spark_avatar.storage.keys import output_key, shown_keys, task_prefix
from spark_avatar.tasks.task import Task, TaskStatus


def abandoned(house: House, worker: str = "server/1", *, output: bool = True) -> Task:
    """A task whose worker died: it left a folder, a stored video, and one half stored."""
    house.submit()
    task = house.runner(worker).claim()
    folder = house.work_dir / workdir_name(task.id, task.claim.attempt)
    folder.mkdir(parents=True)
    (folder / "image").write_bytes(b"half")
    if output:
        house.storage.put(output_key(task.account_id, task.id, task.claim.attempt), folder / "image")
        staged(house, task).write_bytes(b"half a copy")
    return task


def staged(house: House, task: Task) -> Path:
    """How the storage's driver names a file that it has not finished."""
    return house.folder / "files" / task_prefix(task.account_id, task.id) / "1.mp4#1"


def test_a_dead_workers_task_is_queued_again_and_its_files_are_gone(house: House):
    task = abandoned(house)
    house.recovery.worker_ended("server/1")
    found = house.task(task)
    assert (found.status, found.attempts, found.claim) == (TaskStatus.QUEUED, 1, None)
    assert house.scratch() == []
    assert house.outputs() == []
    assert not staged(house, task).exists()


def test_only_the_dead_workers_task_moves(house: House):
    dead, alive = abandoned(house, "server/1"), abandoned(house, "server/11")
    house.recovery.worker_ended("server/1")
    assert house.task(dead).status is TaskStatus.QUEUED
    assert house.task(alive).status is TaskStatus.RUNNING
    assert house.scratch() == [workdir_name(alive.id, 1)]
    assert house.outputs() == [output_key(alive.account_id, alive.id, 1)]
    assert staged(house, alive).exists()


def test_a_dead_servers_workers_are_dead_too(house: House):
    tasks = [abandoned(house, name) for name in ("aa/1", "aa/2", "aab/1")]
    house.recovery.server_ended("aa")
    assert [house.task(task).status.value for task in tasks] == ["queued", "queued", "running"]


def test_a_worker_that_was_stopped_costs_no_attempt(house: House):
    task = abandoned(house)
    house.recovery.worker_ended("server/1", counted=False)
    found = house.task(task)
    assert (found.status, found.attempts) == (TaskStatus.QUEUED, 0)
    assert house.scratch() == []


def test_a_task_that_kills_its_workers_is_given_up(house: House):
    task = abandoned(house)
    house.recovery.worker_ended("server/1")
    for number in (2, 3):
        assert house.runner(f"server/{number}").claim().id == task.id
        house.recovery.worker_ended(f"server/{number}")
    found = house.task(task)
    assert found.status is TaskStatus.FAILED
    assert found.failure.code == "003016095"
    assert "gave up after 3 attempts" in found.failure.message
    assert found.metadata["attempts"] == 3
    assert house.outputs() == []


def test_a_task_that_was_killed_for_its_time_does_not_run_again(house: House):
    task = abandoned(house)
    house.recovery.worker_ended("server/1", overdue=True)
    assert house.task(task).failure.code == "003016032"
    assert house.scratch() == []
    assert house.outputs() == []


def test_an_overdue_task_fails_also_where_only_its_lease_tells_that_its_worker_is_dead(house: House):
    task, other = abandoned(house, "server/1"), abandoned(house, "server/2")
    for seconds in (0, 5, 5, 5):
        house.seconds += seconds
        house.recovery.sweep(overdue={"server/1"})
    assert (house.task(task).status, house.task(task).failure.code) == (TaskStatus.FAILED, "003016032")
    assert house.task(other).status is TaskStatus.QUEUED
    assert house.outputs() == []


def test_a_lease_that_lapsed_is_taken_up_and_a_live_one_is_not(house: House):
    stale = abandoned(house, "server/1")
    house.sweep(seconds=5)
    fresh = abandoned(house, "server/2")
    house.sweep(seconds=10)
    assert house.task(stale).status is TaskStatus.QUEUED
    assert house.task(fresh).status is TaskStatus.RUNNING
    assert house.scratch() == [workdir_name(fresh.id, 1)]
    assert house.outputs() == [output_key(fresh.account_id, fresh.id, 1)]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_workers_wrong_clock_does_not_cost_its_task(house: House, hours):
    wrong = ManualClock(house.clock.now + timedelta(hours=hours))
    house.submit()
    task = house.runner("server/1", clock=wrong).claim()
    for _ in range(10):
        wrong.forward(5)
        assert house.store.renew(task.id, task.claim, lease_until=wrong.now)
        house.sweep(seconds=5)
    assert house.task(task).status is TaskStatus.RUNNING
    house.sweep(seconds=20)
    assert house.task(task).status is TaskStatus.QUEUED


def test_after_a_time_without_the_store_workers_have_a_whole_lease_to_show_that_they_live(house: House):
    task = abandoned(house)
    house.recovery.sweep()
    house.seconds += 60  # nobody could look
    house.sweep(seconds=10)
    assert house.task(task).status is TaskStatus.RUNNING
    house.sweep(seconds=10)
    assert house.task(task).status is TaskStatus.QUEUED


def test_a_worker_that_finishes_just_before_its_lapsed_claim_is_taken_keeps_its_output(house: House, image_url, audio_url):
    house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    task = runner.claim()
    house.clock.forward(60)
    running = house.store.running()
    runner.run(task)
    house.recovery.store.running = lambda: running  # recovery looked before, and acts after
    house.recovery._give_up(task, task.claim, counted=True, dead=False)
    assert house.task(task).status is TaskStatus.COMPLETED
    assert house.outputs() == sorted(shown_keys(output_key(task.account_id, task.id, 1)))


def test_folders_that_nobody_owns_are_removed(house: House):
    task = abandoned(house)
    (house.work_dir / workdir_name(task.id, 7)).mkdir()
    (house.work_dir / "leftover-1").mkdir()
    house.recovery.sweep()
    assert house.scratch() == [workdir_name(task.id, 1)]


def test_a_sweep_of_an_empty_house_does_nothing(house: House):
    house.recovery.sweep()
    house.recovery.worker_ended("server/1")
    assert house.scratch() == []


def test_the_sweeper_repeats_its_step_whatever_it_raises():
    calls = []

    def step():
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no database")
        if len(calls) == 3:
            sweeper._over.set()

    sweeper = Sweeper(step, seconds=0.01)
    sweeper.start()
    sweeper._thread.join(timeout=5)
    sweeper.stop()
    assert len(calls) == 3


def test_a_stopped_sweeper_is_quiet():
    calls = []
    sweeper = Sweeper(lambda: calls.append(1), seconds=0.05)
    sweeper.start()
    sweeper.stop()
    assert calls == []


def test_a_sweeper_may_begin_earlier_than_its_interval():
    done = threading.Event()
    sweeper = Sweeper(done.set, seconds=3600, first_seconds=0.01)
    sweeper.start()
    assert done.wait(5)
    sweeper.stop()
