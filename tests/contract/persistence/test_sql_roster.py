"""The roster of workers and the chores, on SQLite and PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from spark_avatar.database.engine import writing
from spark_avatar.database.schema import chores
from spark_avatar.dispatch.roster import Attendance, WorkerState
from spark_avatar.dispatch.sql_roster import SqlChores, SqlRoster, _from_now


@pytest.fixture
def roster(engine):
    return SqlRoster(engine)


def sign(roster: SqlRoster, name: str = "a/1", **changes: object) -> None:
    facts = {"host": "h", "pid": 7, "engines": ("portrait",), "version": "1", "state": WorkerState.IDLE, "task_id": None}
    roster.sign(name, **{**facts, "busy_seconds": 0.0, **changes})


def test_a_worker_is_there_until_it_leaves(roster):
    sign(roster)
    sign(roster, state=WorkerState.BUSY, task_id="t", busy_seconds=90)
    (record,) = roster.all()
    assert (record.name, record.host, record.pid, record.engines) == ("a/1", "h", 7, ("portrait",))
    assert (record.state, record.task_id, record.silent) == (WorkerState.BUSY, "t", False)
    assert 90 <= record.busy_seconds < 120
    assert 0 <= record.seen_ago < 30
    roster.leave("a/1")
    assert roster.all() == []


def test_a_worker_that_takes_everything_names_no_engine(roster):
    sign(roster, engines=())
    assert roster.all()[0].engines == ()


def test_silent_workers_are_forgotten(roster):
    sign(roster)
    assert roster.forget_silent(3600) == 0
    assert roster.forget_silent(-1) == 1


def test_attendance_tells_what_a_worker_does(roster):
    with Attendance(roster, "a/1", engines=["portrait"], version="1") as attendance:
        attendance.note(WorkerState.BUSY, "t")
        until_true(lambda: [record.task_id for record in roster.all()] == ["t"])
        attendance.note(WorkerState.IDLE)
        until_true(lambda: [record.state for record in roster.all()] == [WorkerState.IDLE])
    assert roster.all() == []


def until_true(holds) -> None:
    bell = threading.Event()
    for _ in range(500):
        if holds():
            return
        bell.wait(0.02)
    raise AssertionError("it never came true")


def test_of_many_servers_one_does_a_chore(engine):
    chore = SqlChores(engine)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: chore.take("sweep", every_seconds=3600), range(16)))
    assert sum(taken) == 1
    assert chore.take("another", every_seconds=3600)


@pytest.mark.parametrize("off", [-1, 7200])
def test_a_chore_is_due_again_also_when_the_clock_was_put_back(engine, off):
    chore = SqlChores(engine)
    assert chore.take("sweep", every_seconds=3600)
    with writing(engine) as connection:
        connection.execute(update(chores).values(due_at=_from_now(off)))
    assert chore.take("sweep", every_seconds=3600)
    assert not chore.take("sweep", every_seconds=3600)
