"""Deliveries, on each database: made with their task, due when it has ended, tried by one server at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from task_store_contract import ANNA, KEY, OTTO, claim, complete, later, task

from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import TaskId, TaskRequest

HOOK = "https://example.org/hook"


@pytest.fixture
def store(engine):
    return SqlTaskStore(engine)


@pytest.fixture
def deliveries(engine):
    return SqlDeliveryStore(engine)


def hooked(name="t", **fields):
    return task(name, request=TaskRequest("m", "https://a/p.jpg", "https://a/s.wav", webhook_url=HOOK), **fields)


def test_a_delivery_is_due_when_its_task_has_ended(store, deliveries):
    store.add(hooked())
    store.add(task("silent", seconds=1))
    assert deliveries.due(later(99), limit=9) == []
    complete(store, claim(store))
    complete(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9)
    assert (due.task_id, due.account_id, due.url, due.attempts, due.delivered_at) == ("t", ANNA, HOOK, 0, None)
    assert store.get(TaskId("t")).request.webhook_url == HOOK


def test_a_repeated_submission_makes_one_delivery(store, deliveries):
    store.add_once(hooked("first"), KEY)
    store.add_once(hooked("second"), KEY)
    assert [found.task_id for found in deliveries.of_account(ANNA, limit=9)] == ["first"]


def test_of_many_servers_one_takes_a_delivery(store, deliveries):
    store.add(hooked())
    complete(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9)
    start = threading.Barrier(6)

    def take(_):
        start.wait()
        return deliveries.take(due, until=later(200))

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(take, range(6))) == 1
    assert deliveries.due(later(99), limit=9) == []
    assert len(deliveries.due(later(200), limit=9)) == 1, "whoever took it may have died"


def test_an_attempt_is_recorded(store, deliveries):
    store.add(hooked())
    complete(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9)
    deliveries.settle(due, status=500, error="answered 500", delivered_at=None, next_at=later(300))
    (found,) = deliveries.of_account(ANNA, limit=9)
    assert (found.attempts, found.last_status, found.last_error, found.next_at) == (1, 500, "answered 500", later(300))
    deliveries.settle(found, status=204, error=None, delivered_at=later(301), next_at=None)
    (found,) = deliveries.of_account(ANNA, limit=9)
    assert (found.attempts, found.last_status, found.delivered_at, found.next_at) == (2, 204, later(301), None)
    assert deliveries.due(later(9999), limit=9) == []


def test_each_account_sees_its_own_and_a_removed_task_takes_its_delivery_along(store, deliveries):
    store.add(hooked("a"))
    store.add(hooked("o", account=OTTO, seconds=1))
    assert [found.task_id for found in deliveries.of_account(OTTO, limit=9)] == ["o"]
    complete(store, claim(store))
    assert store.remove(TaskId("a"))
    assert deliveries.of_account(ANNA, limit=9) == []
    assert deliveries.due(later(99), limit=9) == []
