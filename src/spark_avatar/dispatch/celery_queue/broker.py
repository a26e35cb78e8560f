"""What servers and workers say to each other over RabbitMQ, and how the connection behaves.

A message only says: a task for this engine waits, look. Which one is settled in the database, where accounts take turns; so a
message that is lost, doubled or purged harms nothing, and needs no order and no priority of its own (which quorum queues of
RabbitMQ 3 do not have, and those of RabbitMQ 4 have two of).
"""

from typing import Final

from celery import Celery
from kombu import Connection

LOOK: Final = "spark_avatar.look"
"""The message; it has no content."""
LOOK_AGAIN: Final = "spark_avatar_look_again"
"""The remote control command: a claim was taken away, workers ask whether it was theirs."""

_HEARTBEAT_SECONDS: Final = 10
"""A connection that is cut without a word is noticed after two of them."""
_ANSWER_SECONDS: Final = 5.0
_CHILD_TASKS: Final = 200
_CHILD_KILOBYTES: Final = 2_000_000
"""A child that has run so many tasks, or has grown so large, ends, and another takes its place: whatever leaks, is bounded."""
_WARM_UP_SECONDS: Final = 120.0


def queue_of(engine: str) -> str:
    """The queue of the tasks that need this engine."""
    return f"spark-avatar.{engine}"


def open_broker(url: str) -> Celery:
    """A Celery app with this broker; connects when it is used. `amqp://user:password@host:5672/vhost`; several addresses are
    parted by semicolons.
    """
    app = Celery("spark_avatar", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A message is done with when the task is; that of a worker that died is given to another.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,  # quorum queues know no change of it under way
        # Quorum queues survive a node of the broker's cluster.
        task_default_queue_type="quorum",
        task_create_missing_queue_type="quorum",
        broker_heartbeat=_HEARTBEAT_SECONDS,
        broker_connection_timeout=_ANSWER_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"confirm_publish": True, "write_timeout": _ANSWER_SECONDS},
        # The lease says whose a task is, not the connection to the broker.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_proc_alive_timeout=_WARM_UP_SECONDS,
        worker_max_tasks_per_child=_CHILD_TASKS,
        worker_max_memory_per_child=_CHILD_KILOBYTES,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_consumer="spark_avatar.dispatch.celery_queue.consumer:PlainConsumer",
    )
    return app


def open_publisher(app: Celery) -> Connection:
    """A connection for publishing: one that answers late is given up, as the reconciler repeats what is lost. No heartbeat, as
    nobody listens between two messages.
    """
    options = {**app.conf.broker_transport_options, "read_timeout": _ANSWER_SECONDS}
    return app.connection_for_write(heartbeat=0, connect_timeout=_ANSWER_SECONDS, transport_options=options)


def ask_broker(url: str) -> str:
    """Connects once to each address until one answers; returns what does, e.g. `RabbitMQ 3.13.7`. Raises what the driver raises,
    `kombu.exceptions.OperationalError` for most.
    """
    with open_broker(url) as app, open_publisher(app) as connection:
        connection.ensure_connection(max_retries=len(connection.alt) or 1, interval_start=0, interval_step=0)
        facts: dict[str, object] = connection.connection.server_properties
        return f"{facts.get('product', 'it')} {facts.get('version', '')}".strip()
