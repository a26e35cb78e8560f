"""What a queue worker's parent tells its children, without a broker."""

import os
import signal
import time

import pytest

pytest.importorskip("celery")

from spark_avatar.dispatch.celery_queue.broker import open_broker, queue_of
from spark_avatar.dispatch.celery_queue.consumer import PlainConsumer
from spark_avatar.dispatch.celery_queue.dispatcher import CeleryDispatcher
from spark_avatar.dispatch.celery_queue.worker import QueueControl


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12, where other tests have left threads
def test_what_one_process_says_the_other_hears_once():
    control = QueueControl()
    parent = os.fork()
    if parent == 0:  # here the parent's part is played by a child: when a drain takes too long, it ends its process
        control.recall()
        control.drain(then_abort_after=0.2)
        signal.pause()
    try:
        recalls, drained, until = 0, False, time.monotonic() + 60
        while not control.aborting and time.monotonic() < until:
            recalls += control.look_again()
            drained |= control.draining and not control.aborting
    finally:
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
    assert (recalls, drained, control.aborting) == (1, True, True)


def test_one_child_leaves_alone():
    control = QueueControl()
    assert not control.draining
    control.leave()
    assert (control.draining, control.aborting, control.leaving) == (True, True, True)


def test_the_broker_confirms_and_gives_back_what_a_dead_worker_had():
    conf = open_broker("amqp://somebody@127.0.0.1:1//").conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert conf.broker_transport_options["confirm_publish"]
    assert conf.task_create_missing_queue_type == "quorum"
    assert conf.accept_content == ["json"]


def test_no_queues_for_later_are_made():
    assert not [step for step in PlainConsumer.Blueprint.default_steps if "DelayedDelivery" in str(step)]


def test_each_engine_has_its_queue():
    assert queue_of("portrait") == "spark-avatar.portrait"


def test_a_dispatcher_without_a_broker_neither_blocks_nor_raises(caplog):
    dispatcher = CeleryDispatcher("amqp://somebody@127.0.0.1:1//", default_engine="portrait")
    dispatcher.start()
    dispatcher.wake("portrait")
    dispatcher.top_up({"": 3})
    dispatcher.look_again()
    assert dispatcher.ready()
    dispatcher.stop(grace_seconds=0)
    assert not dispatcher.ready()
