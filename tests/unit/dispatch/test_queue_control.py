"""What a queue worker's parent tells its children, without a broker."""

import os

import pytest

pytest.importorskip("celery")

from spark_avatar.dispatch.celery_queue.broker import open_broker, queue_of
from spark_avatar.dispatch.celery_queue.consumer import PlainConsumer
from spark_avatar.dispatch.celery_queue.dispatcher import CeleryDispatcher
from spark_avatar.dispatch.celery_queue.worker import QueueControl


def test_a_forked_child_hears_of_recalls_once_and_of_the_drain():
    control = QueueControl()
    child = os.fork()
    if child == 0:
        said = []
        while not control.aborting:
            if control.look_again():
                said.append("recall")
            if control.draining and "drain" not in said:
                said.append("drain")
        os._exit(0 if sorted(said) in (["drain", "recall"], ["recall"]) else 1)
    control.recall()
    control.drain(then_abort_after=0.2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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
