"""Tasks in the making, on each database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from task_store_contract import ANNA, KEY, OTTO, task

from spark_avatar.errors import TaskCreationError, TaskNotFound
from spark_avatar.tasks.sql.staging import SqlStagedTasks
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.staging import StagedTask
from spark_avatar.tasks.task import TaskId

RACES = 30


@pytest.fixture
def tasks(engine):
    return SqlTaskStore(engine)


@pytest.fixture
def staged(engine):
    return SqlStagedTasks(engine)


def test_a_task_is_noted_until_it_is_stored(tasks, staged):
    staged.begin(TaskId("t"), ANNA)
    staged.begin(TaskId("u"), OTTO)
    assert sorted(staged.all(), key=lambda one: one.task_id) == [StagedTask("t", ANNA, False), StagedTask("u", OTTO, False)]
    tasks.add(task("t"))
    assert [one.task_id for one in staged.all()] == ["u"]
    staged.forget(TaskId("u"))
    staged.forget(TaskId("nobody"))
    assert staged.all() == []


@pytest.mark.parametrize("add", [SqlTaskStore.add, lambda store, new: store.add_once(new, KEY)])
def test_one_that_was_given_up_cannot_be_stored(tasks, staged, add):
    staged.begin(TaskId("t"), ANNA)
    assert staged.abandon(TaskId("t"))
    assert not staged.abandon(TaskId("t"))
    with pytest.raises(TaskCreationError):
        add(tasks, task("t"))
    with pytest.raises(TaskNotFound):
        tasks.get(TaskId("t"))
    assert tasks.made_with(ANNA, KEY) is None
    assert staged.all() == [StagedTask("t", ANNA, True)], "the note outlives the refusal: files may come late"


def test_what_was_never_noted_can_be_stored_and_not_given_up(tasks, staged):
    tasks.add(task("t"))
    assert not staged.abandon(TaskId("t"))


def test_storing_and_giving_up_at_the_same_moment_have_one_winner(tasks, staged):
    def store(name, start):
        start.wait()
        try:
            tasks.add(task(name))
        except TaskCreationError:
            return False
        return True

    def give_up(name, start):
        start.wait()
        return staged.abandon(TaskId(name))

    with ThreadPoolExecutor(2) as threads:
        for number in range(RACES):
            name, start = f"t{number}", Barrier(2)
            staged.begin(TaskId(name), ANNA)
            stored, given_up = threads.submit(store, name, start), threads.submit(give_up, name, start)
            assert stored.result(timeout=30) != given_up.result(timeout=30)
