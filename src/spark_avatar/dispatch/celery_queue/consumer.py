"""The consumer of a worker's messages."""

import logging
from typing import Final

from celery.worker.consumer import Consumer
from celery.worker.consumer.delayed_delivery import DelayedDelivery
from celery.worker.state import maybe_shutdown
from kombu import Connection

from spark_avatar.telemetry import Seldom

_LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two attempts to reach a broker that is away. Celery's own is 30 s: so long would tasks wait when it is back."""
_log = logging.getLogger(__name__)


def _name_of(step: object) -> str:
    return step if isinstance(step, str) else f"{getattr(step, '__module__', '')}:{getattr(step, '__name__', '')}"


class PlainConsumer(Consumer):  # type: ignore[misc]
    """Celery's, without delayed delivery: nothing here is sent for later, and 28 queues in the broker would be for nothing."""

    def ensure_connected(self, conn: Connection) -> Connection:
        """Tries until the broker answers, or the worker is told to stop."""
        complaint = Seldom()

        def say(error: Exception, _seconds: float) -> None:
            if complaint.due():
                _log.warning("the broker does not answer; waiting for it", extra={"error": str(error)})

        connected = conn.ensure_connection(say, None, interval_max=_LONGEST_PAUSE_SECONDS, callback=maybe_shutdown)
        self.first_connection_attempt = False
        return connected

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of the start."""

        default_steps = [  # noqa: RUF012 - as Celery has it
            step for step in Consumer.Blueprint.default_steps if not _name_of(step).endswith(DelayedDelivery.__name__)
        ]
