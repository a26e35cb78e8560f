"""Deliveries and endpoints, on each database: planned with the end of a task, tried by one server at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update
from task_store_contract import ANNA, KEY, OTTO, claim, complete, fail, later, task

from spark_avatar.database.engine import reading, writing
from spark_avatar.database.schema import tasks, webhook_attempts, webhooks
from spark_avatar.errors import Canceled, Conflict, NotFound
from spark_avatar.tasks.deliveries import EVENTS, Attempt, DeliveryFilter
from spark_avatar.tasks.endpoints import DisabledBecause, Endpoint, EndpointTerms
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import AccountId, TaskFailure, TaskId, TaskRequest

HOOK = "https://example.org/hook"
OWN = "https://example.org/own"


@pytest.fixture
def store(engine):
    return SqlTaskStore(engine)


@pytest.fixture
def deliveries(engine):
    return SqlDeliveryStore(engine)


@pytest.fixture
def endpoints(engine):
    return SqlEndpointStore(engine)


def hooked(name="t", **fields):
    return task(name, request=TaskRequest("m", "https://a/p.jpg", "https://a/s.wav", webhook_url=HOOK), **fields)


def endpoint(name="ep", *, account=ANNA, events=EVENTS):
    return Endpoint(name, account, EndpointTerms(OWN, events, "our own"), later(0))


def attempt(number, *, status=500, error="answered 500", at=300):
    return Attempt(number, later(at), status, error, 12)


def due_of(store, deliveries, **fields):
    store.add(hooked(**fields))
    complete(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9, of_account=9)
    return due


def test_the_end_of_a_task_is_told_to_the_address_in_its_request(store, deliveries):
    store.add(hooked())
    store.add(task("silent", seconds=1))
    assert deliveries.of_account(ANNA, limit=9) == []
    complete(store, claim(store))
    complete(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9, of_account=9)
    assert (due.id, due.task_id, due.account_id, due.url, due.event) == ("msg_t", "t", ANNA, HOOK, "task.completed")
    assert (due.attempts, due.endpoint_id, due.delivered_at) == (0, None, None)
    assert deliveries.due(later(59), limit=9, of_account=9) == [], "it ended later"


@pytest.mark.parametrize(
    ("end", "event"),
    [
        (complete, "task.completed"),
        (fail, "task.failed"),
        (
            lambda store, held: store.fail(held.id, held.claim, TaskFailure(Canceled.code, "x"), metadata={}, now=later(60)),
            "task.canceled",
        ),
    ],
)
def test_an_endpoint_is_told_of_the_events_that_it_asks_for(store, deliveries, endpoints, end, event):
    endpoints.add(endpoint("wants", events=(event,)), most=9)
    endpoints.add(endpoint("others", events=tuple(name for name in EVENTS if name != event)), most=9)
    endpoints.add(endpoint("off"), most=9)
    endpoints.disable("off", DisabledBecause.OWNER, now=later(0))
    endpoints.add(endpoint("otto", account=OTTO), most=9)
    store.add(task())
    assert end(store, claim(store))
    (due,) = deliveries.due(later(99), limit=9, of_account=9)
    assert (due.endpoint_id, due.task_id, due.event, due.url) == ("wants", "t", event, OWN)


def test_a_task_that_is_cancelled_while_it_waits_is_told_too(store, deliveries):
    store.add(hooked())
    assert store.fail(TaskId("t"), None, TaskFailure(Canceled.code, "x"), metadata={}, now=later(9))
    assert [due.event for due in deliveries.due(later(99), limit=9, of_account=9)] == ["task.canceled"]


def test_a_worker_that_lost_its_claim_plans_nothing(store, deliveries):
    store.add(hooked())
    held = claim(store)
    store.hand_back(held.id, held.claim, count_attempt=True)
    assert not complete(store, held)
    assert deliveries.of_account(ANNA, limit=9) == []


def test_a_repeated_submission_makes_one_delivery(store, deliveries):
    store.add_once(hooked("first"), KEY)
    store.add_once(hooked("second"), KEY)
    complete(store, claim(store))
    assert [found.task_id for found in deliveries.of_account(ANNA, limit=9)] == ["first"]


def test_of_many_servers_one_takes_a_delivery(store, deliveries):
    due = due_of(store, deliveries)
    start = threading.Barrier(6)

    def take(_):
        start.wait()
        return deliveries.take(due, until=later(200))

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(take, range(6))) == 1
    assert deliveries.due(later(99), limit=9, of_account=9) == []
    assert len(deliveries.due(later(200), limit=9, of_account=9)) == 1, "whoever took it may have died"


def test_an_account_with_much_to_tell_does_not_hold_up_another(deliveries, endpoints):
    for name, account in (("ep", ANNA), ("otto", OTTO)):
        endpoints.add(endpoint(name, account=account), most=9)
    for second in range(30):
        deliveries.add_test(endpoint_id="ep", account_id=ANNA, now=later(second))
    deliveries.add_test(endpoint_id="otto", account_id=OTTO, now=later(50))
    due = deliveries.due(later(99), limit=16, of_account=4)
    assert [one.account_id for one in due] == [ANNA, OTTO, *[ANNA] * 3]
    assert [one.created_at for one in due if one.account_id == ANNA] == [later(second) for second in range(4)], "the oldest first"


def test_several_accounts_with_much_to_tell_do_not_hold_up_another(deliveries, endpoints):
    for name in ("one", "two", "three"):
        endpoints.add(endpoint(name, account=AccountId(name)), most=9)
    for second in range(20):
        deliveries.add_test(endpoint_id="one", account_id=AccountId("one"), now=later(second))
        deliveries.add_test(endpoint_id="two", account_id=AccountId("two"), now=later(second))
    deliveries.add_test(endpoint_id="three", account_id=AccountId("three"), now=later(50))
    due = deliveries.due(later(99), limit=16, of_account=8)
    assert len(due) == 16
    assert AccountId("three") in {one.account_id for one in due}


def test_attempts_are_recorded(store, deliveries):
    due = due_of(store, deliveries)
    deliveries.settle(due, attempt(1), delivered_at=None, next_at=later(400))
    (found,) = deliveries.of_account(ANNA, limit=9)
    assert (found.attempts, found.retry, found.last_status, found.next_at) == (1, 1, 500, later(400))
    deliveries.settle(found, attempt(2, status=204, error=None, at=401), delivered_at=later(401), next_at=None)
    found = deliveries.get("msg_t", ANNA)
    assert (found.attempts, found.last_status, found.last_error, found.delivered_at) == (2, 204, None, later(401))
    assert deliveries.due(later(9999), limit=9, of_account=9) == []
    assert deliveries.attempts_of("msg_t") == [attempt(1), attempt(2, status=204, error=None, at=401)]


def test_a_replay_begins_the_schedule_anew_and_keeps_the_log(store, deliveries):
    due = due_of(store, deliveries)
    deliveries.settle(due, attempt(1), delivered_at=None, next_at=None)
    again = deliveries.replay("msg_t", ANNA, now=later(500))
    assert (again.next_at, again.retry, again.attempts, again.id) == (later(500), 0, 1, "msg_t")
    assert deliveries.due(later(500), limit=9, of_account=9) == [again]
    deliveries.settle(again, attempt(2), delivered_at=None, next_at=None)
    assert [one.number for one in deliveries.attempts_of("msg_t")] == [1, 2]


def test_each_account_sees_its_own(store, deliveries, endpoints):
    endpoints.add(endpoint(), most=9)
    due_of(store, deliveries, account=OTTO)
    for reach in (deliveries.get, lambda *who: deliveries.replay(*who, now=later(0))):
        for name in ("msg_t", "none", "nul\0"):
            with pytest.raises(NotFound):
                reach(name, ANNA)
    assert deliveries.of_account(ANNA, limit=9) == []
    for reach in (
        endpoints.get,
        endpoints.remove,
        lambda *who: endpoints.change(*who, endpoint().terms),
        lambda *who: endpoints.rotate(*who, grace=timedelta(0), now=later(0)),
    ):
        for name in ("ep", "none", "nul\0"):
            with pytest.raises(NotFound):
                reach(name, OTTO)
    assert endpoints.of_account(ANNA) == [endpoint()]


def test_a_removed_task_takes_its_deliveries_along(store, deliveries, endpoints, engine):
    endpoints.add(endpoint(), most=9)
    store.add(hooked())
    complete(store, claim(store))
    for due in deliveries.due(later(99), limit=9, of_account=9):
        deliveries.settle(due, attempt(1), delivered_at=None, next_at=later(400))
    assert len(deliveries.of_account(ANNA, limit=9, which=DeliveryFilter(task_id="t"))) == 2
    assert store.remove(TaskId("t"))
    assert deliveries.of_account(ANNA, limit=9) == []
    assert count(engine, webhook_attempts) == 0


def test_an_endpoint_takes_its_deliveries_along(store, deliveries, endpoints, engine):
    endpoints.add(endpoint(), most=9)
    test = deliveries.add_test(endpoint_id="ep", account_id=ANNA, now=later(0))
    deliveries.settle(test, attempt(1), delivered_at=None, next_at=later(400))
    store.add(hooked())
    complete(store, claim(store))
    assert len(deliveries.of_account(ANNA, limit=9, which=DeliveryFilter(endpoint_id="ep"))) == 2
    endpoints.remove("ep", ANNA)
    assert [left.id for left in deliveries.of_account(ANNA, limit=9)] == ["msg_t"]
    assert count(engine, webhook_attempts) == 0


def test_what_waits_for_a_disabled_endpoint_waits_until_it_is_enabled(deliveries, endpoints):
    endpoints.add(endpoint(), most=9)
    deliveries.add_test(endpoint_id="ep", account_id=ANNA, now=later(0))
    assert endpoints.disable("ep", DisabledBecause.GONE, now=later(1))
    assert not endpoints.disable("ep", DisabledBecause.FAILING, now=later(2)), "the first reason stays"
    assert deliveries.due(later(9), limit=9, of_account=9) == []
    found = endpoints.get("ep", ANNA)
    assert (found.disabled_at, found.disabled_because) == (later(1), DisabledBecause.GONE)
    endpoints.enable("ep")
    assert len(deliveries.due(later(9), limit=9, of_account=9)) == 1
    assert endpoints.get("ep", ANNA) == endpoint()


def test_the_first_failure_in_a_row_is_remembered(endpoints):
    endpoints.add(endpoint(), most=9)
    assert endpoints.note_failure("ep", now=later(1)) == later(1)
    assert endpoints.note_failure("ep", now=later(2)) == later(1)
    endpoints.note_success("ep")
    assert endpoints.note_failure("ep", now=later(3)) == later(3)


def test_an_endpoint_changes_and_rotates(endpoints):
    endpoints.add(endpoint(), most=9)
    terms = EndpointTerms("https://example.org/new", ("task.failed",), "")
    assert endpoints.change("ep", ANNA, terms).terms == terms
    first = endpoints.rotate("ep", ANNA, grace=timedelta(seconds=60), now=later(0))
    assert (first.secret_number, first.previous_until) == (2, later(60))
    second = endpoints.rotate("ep", ANNA, grace=timedelta(0), now=later(1))
    assert (second.secret_number, second.previous_until) == (3, None)


def test_an_account_has_so_many_endpoints_and_no_more(endpoints):
    for name in ("a", "b"):
        endpoints.add(endpoint(name), most=2)
    endpoints.add(endpoint("otto", account=OTTO), most=2)
    with pytest.raises(Conflict, match="2 webhook endpoints"):
        endpoints.add(endpoint("c"), most=2)


def test_old_tests_are_forgotten(deliveries, endpoints):
    endpoints.add(endpoint(), most=9)
    deliveries.add_test(endpoint_id="ep", account_id=ANNA, now=later(0))
    young = deliveries.add_test(endpoint_id="ep", account_id=ANNA, now=later(10))
    deliveries.tidy(tests_before=later(5))
    assert deliveries.of_account(ANNA, limit=9) == [young]


def old_row(engine, name, *, attempts=0, next_at=1):
    """As a server of revision 0008 keeps it."""
    row = {"task_id": name, "account_id": ANNA, "url": HOOK, "created_at": later(0), "attempts": attempts}
    with writing(engine) as connection:
        connection.execute(insert(webhooks), row | {"next_at": later(next_at), "last_error": "answered 500"})


def test_what_a_server_of_the_release_before_left_is_taken_over(store, deliveries, engine):
    store.add(task())
    complete(store, claim(store))
    store.add(task("open", seconds=1))
    for name in ("t", "open"):
        old_row(engine, name, attempts=2)
    deliveries.tidy(tests_before=later(0))
    deliveries.tidy(tests_before=later(0))
    (found,) = deliveries.due(later(99), limit=9, of_account=9)
    assert (found.id, found.url, found.event, found.attempts, found.retry) == ("msg_t", HOOK, "task.completed", 2, 2)
    assert count(engine, webhooks) == 1, "the other one has not ended"


def test_a_server_of_the_release_before_may_end_the_task(store, deliveries, engine):
    """It looks into `webhooks`, and finds the delivery there until a server of this release has ended the task itself."""
    store.add(hooked("ours"))
    store.add(hooked("theirs", seconds=1))
    assert count(engine, webhooks) == 2
    complete(store, claim(store))
    assert count(engine, webhooks) == 1
    held = claim(store)
    with writing(engine) as connection:  # as it ends a task
        connection.execute(update(tasks).where(tasks.c.id == held.id).values(status="completed", ended_at=later(70)))
    deliveries.tidy(tests_before=later(0))
    assert sorted(one.task_id for one in deliveries.due(later(99), limit=9, of_account=9)) == ["ours", "theirs"]
    assert count(engine, webhooks) == 0


def count(engine, table):
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()
