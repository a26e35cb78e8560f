"""The consumer of a worker's messages."""

from celery.worker.consumer import Consumer
from celery.worker.consumer.delayed_delivery import DelayedDelivery


def _name_of(step: object) -> str:
    return step if isinstance(step, str) else f"{getattr(step, '__module__', '')}:{getattr(step, '__name__', '')}"


class PlainConsumer(Consumer):  # type: ignore[misc]
    """Celery's, without delayed delivery: nothing here is sent for later, and 28 queues in the broker would be for nothing."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of the start."""

        default_steps = [  # noqa: RUF012 - as Celery has it
            step for step in Consumer.Blueprint.default_steps if not _name_of(step).endswith(DelayedDelivery.__name__)
        ]
