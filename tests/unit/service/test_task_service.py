import time

import pytest
from service_house import CALLER, STRANGER, House

from spark_avatar.errors import TaskNotFound
from spark_avatar.storage.keys import output_key, shown_keys
from spark_avatar.tasks.task import Task, TaskStatus


def files(house: House) -> list[str]:
    return [stored.key for stored in house.storage.list("")]


def completed(house: House, image_url: str, audio_url: str) -> Task:
    task = house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    runner.run(runner.claim())
    return house.task(task)


def test_pages_hold_the_callers_tasks_newest_first(house: House):
    made = []
    for _ in range(5):
        made.append(house.submit().id)
        house.clock.forward(1)
    first = house.tasks.page(caller=CALLER, limit=3)
    rest = house.tasks.page(caller=CALLER, limit=3, after=first.next_mark)
    assert [task.id for task in (*first.tasks, *rest.tasks)] == made[::-1]
    assert rest.next_mark is None
    assert house.tasks.page(caller=CALLER, limit=5).next_mark is None
    assert house.tasks.page(caller=STRANGER, limit=5).tasks == ()


def test_a_waiting_task_is_cancelled(house: House):
    task = house.submit()
    house.clock.forward(3)
    ended = house.tasks.cancel_or_delete(task.id, caller=CALLER)
    assert (ended.status, ended.failure.code, ended.ended_at) == (TaskStatus.FAILED, "003016031", house.clock.now)
    assert house.runner().claim() is None


def test_a_cancelled_worker_stops_at_its_next_word_and_leaves_nothing(house: House, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    steps = []

    def cancel_half_way(_job, monitor):
        for number in range(10):
            steps.append(number)
            if number == 4:
                assert house.tasks.cancel(task.id, caller=CALLER)[1]
            monitor.progress(number / 10, f"step {number}")

    house.engine.during = cancel_half_way
    runner = house.runner()
    runner.run(runner.claim())
    assert steps == [0, 1, 2, 3, 4]
    assert house.task(task).failure.code == "003016031"
    assert house.scratch() == []
    assert house.outputs() == []


def test_a_cancelled_worker_that_reports_nothing_stops_when_its_lease_is_due(house: House, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url)

    def brood(_job, monitor):
        house.tasks.cancel(task.id, caller=CALLER)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            monitor.checkpoint()
            time.sleep(0.01)
        raise AssertionError("never stopped")

    house.engine.during = brood
    runner = house.runner(lease_seconds=0.3)
    runner.run(runner.claim())
    assert house.task(task).failure.code == "003016031"


def test_an_ended_task_is_not_cancelled(house: House, image_url, audio_url):
    task = completed(house, image_url, audio_url)
    assert house.tasks.cancel(task.id, caller=CALLER) == (task, False)
    assert house.task(task) == task


def test_a_task_that_ends_in_the_moment_of_its_cancellation_keeps_its_result(house: House, image_url, audio_url, monkeypatch):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    claimed = runner.claim()
    fail = house.store.fail

    def end_first(*args, **facts):
        monkeypatch.setattr(house.store, "fail", fail)
        runner.run(claimed)
        return fail(*args, **facts)

    monkeypatch.setattr(house.store, "fail", end_first)
    ended = house.tasks.cancel_or_delete(task.id, caller=CALLER)
    assert ended.status is TaskStatus.COMPLETED
    assert house.outputs() == sorted(shown_keys(output_key(ended.account_id, ended.id, 1)))


def test_a_task_that_is_claimed_in_the_moment_of_its_cancellation_is_cancelled(house: House, monkeypatch):
    task = house.submit()
    fail = house.store.fail

    def claim_first(*args, **facts):
        monkeypatch.setattr(house.store, "fail", fail)
        assert house.runner().claim().id == task.id
        return fail(*args, **facts)

    monkeypatch.setattr(house.store, "fail", claim_first)
    assert house.tasks.cancel_or_delete(task.id, caller=CALLER).failure.code == "003016031"


def test_deleting_an_ended_task_removes_its_record_and_its_files(house: House, image_url, audio_url):
    task = completed(house, image_url, audio_url)
    other = completed(house, image_url, audio_url)
    assert house.tasks.cancel_or_delete(task.id, caller=CALLER) is None
    assert [key for key in files(house) if task.id in key] == []
    assert len([key for key in files(house) if other.id in key]) == 5
    with pytest.raises(TaskNotFound):
        house.task(task)
    with pytest.raises(TaskNotFound):
        house.tasks.cancel_or_delete(task.id, caller=CALLER)


def test_a_deletion_that_failed_half_way_can_be_asked_for_again(house: House, image_url, audio_url, monkeypatch):
    task = completed(house, image_url, audio_url)

    def fail(_task_id):
        raise OSError("disk")

    with monkeypatch.context() as broken:
        broken.setattr(house.store, "remove", fail)
        with pytest.raises(OSError, match="disk"):
            house.tasks.cancel_or_delete(task.id, caller=CALLER)
    assert house.tasks.cancel_or_delete(task.id, caller=CALLER) is None
    assert files(house) == []


def test_another_accounts_task_is_out_of_reach(house: House):
    task = house.submit()
    for act in (house.tasks.cancel, house.tasks.cancel_or_delete):
        with pytest.raises(TaskNotFound):
            act(task.id, caller=STRANGER)
    assert house.task(task) == task
    assert house.tasks.cancel(task.id, caller=None)[1], "the operator may"
