"""Tells the end of a task to the address that its request named, after the Standard Webhooks specification (1.0.0): signed,
at least once, tried again for three days.

The message is thin: which task, and how it ended. Whoever wants the result polls the task with an API key; so no link to a
video goes to an address that may be wrong.
"""

import base64
import hmac
import json
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from spark_avatar.errors import TaskNotFound
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.http_sender import HttpSender, NotSent
from spark_avatar.tasks.deliveries import Delivery, DeliveryStore
from spark_avatar.tasks.store import TaskStore
from spark_avatar.tasks.task import AccountId, Task, TaskStatus

SCHEDULE: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Pauses after each failed attempt; the specification's own example."""
_PURPOSE: Final = b"spark-avatar webhook secret 1\n"
"""Keeps these secrets apart from anything else made with the server's secret."""
_BATCH: Final = 8
"""All at once, each in a thread: a server that stops waits for one attempt at most."""
_ATTEMPT_SECONDS: Final = 10.0
_RESERVED: Final = timedelta(seconds=60)
"""Longer than a batch takes: no other server tries the same delivery meanwhile."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebhookSigner:
    """Signs messages with a secret that each account has for itself."""

    server_secret: bytes

    def secret_of(self, account_id: AccountId) -> str:
        """What the account's receivers verify with, in the specification's form."""
        return "whsec_" + base64.b64encode(self._key(account_id)).decode()

    def headers(self, delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
        """Id, time and signature. A repeated message keeps its id, so that receivers can tell."""
        message_id, seconds = f"msg_{delivery.task_id}", str(int(now.timestamp()))
        signature = sign(self._key(delivery.account_id), message_id, seconds, body)
        return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": signature}

    def _key(self, account_id: AccountId) -> bytes:
        return hmac.digest(self.server_secret, _PURPOSE + account_id.encode(), "sha256")


@dataclass(frozen=True)
class WebhookDeliverer:
    """Sends what is due. Safe to run in several servers on the same store."""

    deliveries: DeliveryStore
    tasks: TaskStore
    sender: HttpSender
    signer: WebhookSigner
    clock: Clock = utc_now

    def step(self) -> None:
        """One attempt for each delivery that is due."""
        now = self.clock()
        due = [d for d in self.deliveries.due(now, limit=_BATCH) if self.deliveries.take(d, until=now + _RESERVED)]
        if due:
            with ThreadPoolExecutor(_BATCH, thread_name_prefix="webhook") as threads:
                _finish(threads.map(self._attempt, due))

    def _attempt(self, delivery: Delivery) -> None:
        now = self.clock()
        try:
            task = self.tasks.get(delivery.task_id)
        except TaskNotFound:
            return  # deleted meanwhile, and the delivery with it
        body = message_of(task)
        headers = {"Content-Type": "application/json", **self.signer.headers(delivery, body, now)}
        try:
            status, error = self.sender.post(delivery.url, headers, body, seconds=_ATTEMPT_SECONDS), None
        except NotSent as failure:
            status, error = None, str(failure)
        delivered = status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        if status is not None and not delivered:
            error = f"answered {status}"
        over = delivered or status == HTTPStatus.GONE or delivery.attempts >= len(SCHEDULE)
        self.deliveries.settle(
            delivery,
            status=status,
            error=error,
            delivered_at=now if delivered else None,
            next_at=None if over else now + SCHEDULE[delivery.attempts],
        )
        _log.info("webhook attempted", extra={"task_id": delivery.task_id, "status": status, "delivered": delivered})


def sign(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    """The specification's symmetric signature (`v1`)."""
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def message_of(task: Task) -> bytes:
    """What is told of an ended task: the same bytes every time."""
    completed = task.status is TaskStatus.COMPLETED
    data: dict[str, object] = {"id": task.id, "model": task.request.model, "status": task.status.value}
    if task.failure is not None:
        data["error"] = {"code": task.failure.code, "message": task.failure.message}
    moment = (task.ended_at or task.created_at).astimezone(UTC).isoformat().replace("+00:00", "Z")
    message = {"type": "task.completed" if completed else "task.failed", "timestamp": moment, "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


def _finish(attempts: Iterable[None]) -> None:
    """Waits for all; raises the first exception, which is the store's."""
    for _ in attempts:
        pass
