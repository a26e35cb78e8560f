"""The SQL task store: the contract, on each database, and what only several processes show."""

import multiprocessing
import random
import sqlite3
import time
from datetime import timedelta

import pytest
from sqlalchemy import make_url, text
from store_processes import claim_all, work_forever
from task_store_contract import START, TaskStoreContract, complete, later, task

from spark_avatar.database import schema
from spark_avatar.database.engine import open_database, writing
from spark_avatar.tasks.sql.rows import row_of
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.sql.totals import SqlStageTotals
from spark_avatar.tasks.task import TaskId, TaskStatus

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def store(engine):
    return SqlTaskStore(engine)


class TestSqlTaskStore(TaskStoreContract):
    def test_it_says_whether_the_database_answers(self, store):
        assert store.ping()

    def test_it_says_that_tables_are_missing(self, bare_database_url):
        engine = open_database(bare_database_url)
        assert not SqlTaskStore(engine).ping()
        engine.dispose()

    def test_a_time_without_a_zone_is_refused(self, store):
        with pytest.raises(Exception, match="zone"):
            store.add(task(created_at=START.replace(tzinfo=None)))


def test_four_processes_claim_two_hundred_tasks_and_none_twice(database_url, store):
    for number in range(200):
        store.add(task(f"t{number:03}", seconds=number))
    start, results = spawn.Barrier(4), spawn.Queue()
    workers = [spawn.Process(target=claim_all, args=(database_url, f"w{i}", start, results)) for i in range(4)]
    for worker in workers:
        worker.start()
    claimed = dict(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
    everything = [task_id for mine in claimed.values() for task_id in mine]
    assert len(everything) == len(set(everything)) == 200
    for worker, mine in claimed.items():
        assert mine == sorted(mine), "a worker got a newer task before an older one"
        assert all(store.get(TaskId(task_id)).claim.worker == worker for task_id in mine)


def test_a_claim_costs_the_same_however_many_tasks_wait(engine, store):
    """The plan of SQLite and PostgreSQL may differ; the time must not grow with the queue."""
    rows = [row_of(task(f"t{number:05}", seconds=number)) for number in range(10_000)]
    with writing(engine) as connection:
        connection.execute(schema.tasks.insert(), rows)
        if engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE tasks"))
    took = []
    for number in range(20):
        began = time.perf_counter()
        assert store.claim_next(f"w{number}", now=START, lease_until=START).id == f"t{number:05}"
        took.append(time.perf_counter() - began)
    # The quickest of them waited for nobody, however much else the machine has to do.
    assert min(took) < 0.05, "50 ms for a claim is the time of a scan"


def _wait_until_more_are_done(store):
    def done():
        return store.queue_facts(now=START).completed

    before, deadline = done(), time.monotonic() + 120
    while done() == before:
        assert time.monotonic() < deadline, "the worker does nothing"
        time.sleep(0.002)


def test_workers_killed_at_any_moment_lose_nothing(database_url, engine, store):
    tasks = [task(f"t{number:04}", seconds=number) for number in range(400)]
    for added in tasks:
        store.add(added)
    moments = random.Random(7)
    for life in range(4):
        working = spawn.Event()
        worker = spawn.Process(target=work_forever, args=(database_url, f"w{life}", working))
        worker.start()
        assert working.wait(timeout=120)
        _wait_until_more_are_done(store)
        time.sleep(moments.uniform(0.0, 0.1))
        worker.kill()
        worker.join()
        _wait_for_the_last_words(engine)
        _check_file(database_url)
        # The dead worker held one task at most; it goes to the next one.
        held = store.running()
        assert len(held) <= 1
        for lost in held:
            assert lost.claim.worker == f"w{life}"
            assert store.hand_back(lost.id, lost.claim, count_attempt=True)
    facts = store.queue_facts(now=START + timedelta(days=1))
    assert (facts.queued + facts.completed, facts.running, facts.failed) == (400, 0, 0)
    assert 0 < facts.completed < 400, "the workers were not killed in the middle"
    now = START + timedelta(days=1)
    while (rest := store.claim_next("last", now=now, lease_until=now)) is not None:
        assert complete(store, rest)
    ended = [store.get(added.id) for added in tasks]
    assert {end.status for end in ended} == {TaskStatus.COMPLETED}
    assert max(end.attempts for end in ended) <= 5


def _wait_for_the_last_words(engine):
    """PostgreSQL still carries out what a dead worker had sent; its connection ends after that."""
    if engine.dialect.name != "postgresql":
        return
    others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    for _ in range(600):
        with engine.connect() as connection:
            if connection.execute(others).scalar_one() == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the dead worker's connection does not end")


def _check_file(url):
    """SQLite finds nothing wrong with its file."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(make_url(url).database)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_what_completed_tasks_took_is_added_up_and_stays(engine, store):
    timings = {"rendering": 1.5, "total": 2.0, "segments": 4.0}
    for number in range(3):
        store.add(task(f"t{number}", seconds=number, engine="portrait"))
        held = store.claim_next("w", now=later(10), lease_until=later(20))
        metadata = {"timings": timings, "engine": "plain" if number == 2 else "portrait"}
        assert complete(store, held, metadata=metadata, seconds=15)
    store.remove(TaskId("t0"))
    totals = {(total.engine, total.stage): (total.tasks, total.seconds) for total in SqlStageTotals(engine).totals()}
    assert totals == {
        ("portrait", "queue"): (2, 19.0),
        ("portrait", "rendering"): (2, 3.0),
        ("portrait", "task"): (2, 10.0),
        ("portrait", "total"): (2, 4.0),
        ("portrait", "video"): (2, pytest.approx(9.92)),
        ("plain", "queue"): (1, 8.0),
        ("plain", "rendering"): (1, 1.5),
        ("plain", "task"): (1, 5.0),
        ("plain", "total"): (1, 2.0),
        ("plain", "video"): (1, pytest.approx(4.96)),
    }
