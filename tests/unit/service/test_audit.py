"""The audit of files: what it complains of, and what it leaves alone."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from service_house import House

from spark_avatar.accounts.ledger.sql_audit import SqlBooksAudit
from spark_avatar.service.audit import Audit, FileAudit
from spark_avatar.service.clock import utc_now
from spark_avatar.storage.keys import input_key, output_key, parse_key, task_prefix
from spark_avatar.tasks.sql.audit import SqlTaskAudit
from spark_avatar.tasks.task import TaskId, TaskStatus


def files(house: House, *, grace: float = 0) -> FileAudit:
    rows = SqlTaskAudit(house.database)
    # Files have the machine's time; the house's clock stands still.
    later = timedelta(seconds=1)
    return FileAudit(house.storage, rows, house.work_dir, grace=timedelta(seconds=grace), clock=lambda: utc_now() + later)


@pytest.fixture
def done(house: House, image_url: str, audio_url: str):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    runner.run(runner.claim())
    assert house.task(task).status is TaskStatus.COMPLETED
    return house.task(task)


def test_a_finished_task_is_in_order(house: House, done):
    rows = SqlTaskAudit(house.database)
    audit = Audit(SqlBooksAudit(house.database).faults, rows.faults, files(house))
    assert audit.faults() == {"books": [], "records": [], "files": []}
    (record,) = rows.records()
    assert (record.id, record.account_id, record.outputs) == (done.id, done.account_id, done.outputs)


def test_a_completed_task_without_its_file_is_a_fault(house: House, done):
    house.storage.delete(parse_key(done.outputs[0].key))
    (fault,) = files(house).faults()
    assert done.id in fault
    assert "gone" in fault


def test_a_file_of_another_size_is_a_fault(house: House, done):
    house.storage.put(parse_key(done.outputs[0].key), b"cut")
    (fault,) = files(house).faults()
    assert "3 bytes" in fault


@pytest.mark.parametrize("kind", ["input", "output", "attempt"])
def test_a_file_without_a_task_is_a_fault_until_it_is_swept(kind: str, house: House, done):
    keys = {
        "input": input_key(done.account_id, TaskId("gone"), "image"),
        "output": output_key(done.account_id, TaskId("gone"), 1),
        "attempt": output_key(done.account_id, done.id, 7),
    }
    house.storage.put(keys[kind], b"left")
    assert files(house, grace=60).faults() == [], "it may be a request that is under way"
    (fault,) = files(house).faults()
    assert keys[kind] in fault
    assert files(house).sweep() == [keys[kind]]
    assert files(house).faults() == []
    assert house.storage.list(task_prefix(done.account_id, done.id)), "the task's own file stays"


def test_the_files_of_a_waiting_and_of_a_running_task_are_theirs(house: House, image_url: str, audio_url: str):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    assert files(house).faults() == []
    house.runner().claim()
    house.storage.put(output_key(task.account_id, task.id, 1), b"half")
    assert files(house).faults() == []
    assert files(house).sweep() == []


def test_a_work_folder_that_nobody_works_in_is_a_fault(house: House):
    left: Path = house.work_dir / "gone-1"
    left.mkdir(parents=True)
    assert files(house, grace=60).faults() == []
    long_ago = utc_now().timestamp() - 600
    os.utime(left, (long_ago, long_ago))
    (fault,) = files(house, grace=60).faults()
    assert "gone-1" in fault
