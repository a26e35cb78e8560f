"""What workers and servers have agreed with the broker, as the broker itself tells it; and when a child is replaced."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fleet_house import Fleet
from fleet_machines import ApiServer, Machine
from fleet_servers import eventually
from kombu import Connection

from spark_avatar.dispatch.celery_queue.broker import queue_of

pytestmark = pytest.mark.slow
QUEUE = queue_of("fleet2")
LIMITED = (sys.executable, str(Path(__file__).with_name("fleet_limits.py")))


@pytest.fixture(scope="module")
def server(shared_fleet: Fleet) -> Iterator[ApiServer]:
    """Its tasks go to another queue than the fleet's own workers listen to."""
    server = shared_fleet.server(SPARK_AVATAR_DEFAULT_ENGINE="fleet2")
    shared_fleet.servers.append(server)
    yield server
    shared_fleet.servers.remove(server)
    shared_fleet.retire(server)


@pytest.fixture
def alone(fleet: Fleet, server: ApiServer) -> Fleet:
    assert server in fleet.servers
    return fleet


def submit(fleet: Fleet, count: int = 1, **params: object) -> list[str]:
    return fleet.submit(count, server=fleet.servers[-1], **params)


def worker(fleet: Fleet, *, inside: tuple[str, ...] = (), **settings: str) -> Machine:
    found = fleet.worker(engines="fleet2", inside=inside, SPARK_AVATAR_DEFAULT_ENGINE="fleet2", **settings)
    eventually(lambda: fleet.state_of(found), "it has signed in")
    return found


def test_queues_outlive_nodes_and_messages_are_confirmed_and_acknowledged(fleet: Fleet):
    fleet.settle(fleet.submit(2))
    queue = fleet.rabbitmq.queue(queue_of("fleet"), "type", "durable", "auto_delete")
    assert (queue["type"], queue["durable"], queue["auto_delete"]) == ("quorum", True, False)
    by_the_broker(
        lambda: fleet.rabbitmq.queue(queue_of("fleet"), "consumers")["consumers"] == len(fleet.workers),
        "each listens",
    )
    consumers = [row for row in fleet.rabbitmq.says("consumers") if row["queue_name"] == queue_of("fleet")]
    assert [(row["ack_required"], row["prefetch_count"]) for row in consumers] == [(True, 1)] * len(fleet.workers)
    assert any(row["confirm"] for row in fleet.rabbitmq.says("channels", "confirm")), "nobody waits for the broker's confirmation"


def test_a_busy_process_holds_one_message_and_leaves_the_rest_to_others(alone: Fleet):
    busy = worker(alone)
    ids = submit(alone, 4, mode="gate", name="prefetch", seconds=0.1)
    alone.gate("prefetch")
    # More may wait than there are tasks: the reconciler prefers one too many.
    by_the_broker(lambda: (found := counts(alone))[0] >= 3 and found[1] == 1, "it has one, the others wait for whoever comes")
    other = worker(alone)
    alone.gate("prefetch")
    by_the_broker(lambda: (found := counts(alone))[0] >= 2 and found[1] == 2, "each has one")
    alone.open_gate("prefetch")
    alone.settle(ids)
    alone.check(ids)
    by_the_broker(lambda: counts(alone) == (0, 0), "each was acknowledged when its task had ended")
    alone.retire(busy, other)


def by_the_broker(holds: Callable[[], object], what: str) -> None:
    """Returns when it is true. The broker counts every five seconds, and each question starts an Erlang of its own, which takes
    two seconds of processor time.
    """
    eventually(holds, what, every=2)


def counts(fleet: Fleet) -> tuple[int, int]:
    """Messages that wait, and messages that a worker has and has not acknowledged."""
    queue = fleet.rabbitmq.queue(QUEUE, "messages_ready", "messages_unacknowledged")
    return queue["messages_ready"], queue["messages_unacknowledged"]


def test_the_message_of_a_machine_that_died_comes_back(alone: Fleet):
    doomed = worker(alone)
    (task,) = submit(alone, mode="gate", name="redelivered", seconds=0.1)
    alone.gate("redelivered")
    doomed.kill_all()
    alone.machines.remove(doomed)
    with Connection(alone.rabbitmq.url()) as connection, connection.channel() as channel:
        messages: list[object] = []
        eventually(lambda: messages.extend(filter(None, [channel.basic_get(QUEUE)])) or messages, "the broker has it again")
        (message,) = messages
        assert message.delivery_info["redelivered"]
        channel.basic_reject(message.delivery_tag, requeue=True)
    alone.open_gate("redelivered")
    heir = worker(alone)
    alone.settle([task])
    alone.check([task])
    assert alone.row(task)["attempts"] == 2
    alone.retire(heir)


def test_a_cancelled_task_is_told_to_its_worker_long_before_the_worker_would_ask(alone: Fleet):
    """Its lease is so long that it would ask after ten minutes."""
    patient = worker(alone, SPARK_AVATAR_LEASE_SECONDS="1800")
    (task,) = submit(alone, mode="listen", name="cancelled", seconds=600)
    alone.gate("cancelled")
    reported = alone.row(task)["lease_until"]
    with alone.client(alone.servers[0]) as client:
        client.delete(f"/model/v1/generation/task/{task}").raise_for_status()
    eventually(lambda: alone.state_of(patient) == {"idle"}, "the worker has let go of it")
    assert alone.row(task)["lease_until"] in (None, reported)
    alone.check([task], failed={task: "003016031"})
    (after,) = submit(alone)
    alone.settle([after])
    assert patient.started_tasks().keys() == {task, after}
    alone.retire(patient)


def test_a_child_that_hangs_is_killed_and_its_task_fails_with_a_reason(alone: Fleet):
    # It signs the roster every 5 s: by that it is known that it hung for longer than it may.
    limits = {"SPARK_AVATAR_TASK_SECONDS": "6", "FLEET_LIMIT_KILL_SLACK_SECONDS": "11"}
    limited = worker(alone, inside=LIMITED, **limits)
    (hung,) = (child.pid for child in limited.children() if child.pid in alone.signed_in(limited))
    (stuck,) = submit(alone, mode="stuck", seconds=600)
    alone.settle([stuck], work=17)
    alone.check([stuck], failed={stuck: "003016032"})
    assert alone.row(stuck)["attempts"] == 1
    assert "did not answer" in str(alone.row(stuck)["failure"])
    eventually(lambda: alone.signed_in(limited) - {hung}, "another child takes tasks")
    assert not psutil.pid_exists(hung)
    alone.retire(limited)


def test_a_child_that_is_told_to_end_hands_its_task_back_without_a_lost_attempt(alone: Fleet):
    told = worker(alone)
    (child,) = alone.signed_in(told)
    (task,) = submit(alone, mode="listen", name="told", seconds=2)
    alone.gate("told")
    os.kill(child, signal.SIGTERM)
    alone.settle([task], work=4)
    alone.check([task])
    assert alone.row(task)["attempts"] == 1
    assert told.started_tasks()[task] != child
    alone.retire(told)


def test_children_are_replaced_after_so_many_tasks(alone: Fleet):
    limited = worker(alone, inside=LIMITED, FLEET_LIMIT__CHILD_TASKS="2")
    ids = submit(alone, 5, seconds=0.05)
    alone.settle(ids, work=10)
    alone.check(ids)
    children = list(limited.started_tasks().values())
    assert sorted(children.count(child) for child in set(children)) == [1, 2, 2]
    assert [alone.row(task)["attempts"] for task in ids] == [1] * 5
    alone.retire(limited)


def test_a_child_that_has_grown_is_replaced(alone: Fleet):
    limited = worker(alone, inside=LIMITED, FLEET_LIMIT__CHILD_KILOBYTES="250000")
    before, leak = submit(alone, seconds=0.05), submit(alone, mode="leak", seconds=0.05)
    alone.settle([*before, *leak])
    after = submit(alone, seconds=0.05)
    alone.settle(after)
    alone.check([*before, *leak, *after])
    runs = limited.started_tasks()
    assert runs[before[0]] == runs[leak[0]] != runs[after[0]]
    alone.retire(limited)
