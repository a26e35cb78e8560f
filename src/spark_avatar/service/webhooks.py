"""Tells the end of tasks to the addresses that requests named, and to the account's endpoints, after the Standard Webhooks
specification (1.0.0): signed, at least once, tried again for more than a day.

The message is thin: which task, and how it ended. Whoever wants the result polls the task with an API key; so no link to a
video goes to an address that may be wrong.
"""

import base64
import hmac
import json
import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.errors import TaskNotFound
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.http_sender import HttpSender, NotSent
from spark_avatar.tasks.deliveries import Attempt, Delivery, DeliveryStore, event_of
from spark_avatar.tasks.endpoints import DisabledBecause, Endpoint, EndpointStore
from spark_avatar.tasks.store import TaskStore
from spark_avatar.tasks.task import AccountId, Task

SCHEDULE: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
"""Pauses after each failed attempt, 27 hours and a half in all: the schedule of Svix, one of the specification's authors
(https://docs.svix.com/retries).
"""
FAILING: Final = timedelta(days=5)
"""An endpoint where nothing arrived for so long is switched off."""
_PURPOSE: Final = b"spark-avatar webhook secret 1\n"
_ENDPOINT_PURPOSE: Final = b"spark-avatar webhook endpoint secret 1\n"
"""Keep these secrets apart from each other, and from anything else made with the server's secret."""
_BATCH: Final = 16
"""All at once, each in a thread."""
_SHARE: Final = 8
"""Of one account in a batch: receivers that let us wait hold up their own account first."""
_STEP_SECONDS: Final = 5.0
_ATTEMPT_SECONDS: Final = 10.0
"""A server that stops waits for the step and one attempt more."""
_RESERVED: Final = timedelta(seconds=60)
"""Longer than a batch takes: no other server tries the same delivery meanwhile."""
_TESTS_KEPT: Final = timedelta(days=30)
_DELIVERER: Final = Actor("webhook delivery")
"""Whom the audit log names where nobody's call switched an endpoint off."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebhookSigner:
    """Signs messages. Secrets follow from the server's own, so that none is stored."""

    server_secret: bytes

    def secret_of(self, account_id: AccountId) -> str:
        """What the account's receivers verify with where a request named the address, in the specification's form."""
        return _shown(self._key(_PURPOSE + account_id.encode()))

    def secret_of_endpoint(self, endpoint: Endpoint) -> str:
        """What the endpoint verifies with."""
        return _shown(self._endpoint_key(endpoint, endpoint.secret_number))

    def headers(self, delivery: Delivery, endpoint: Endpoint | None, body: bytes, now: datetime) -> dict[str, str]:
        """Id, time and signatures: with the secret before, too, while the grace of a rotation lasts. A repeated message keeps
        its id, so that receivers can tell.
        """
        if endpoint is None:
            keys = [self._key(_PURPOSE + delivery.account_id.encode())]
        else:
            keys = [self._endpoint_key(endpoint, endpoint.secret_number)]
            if endpoint.previous_until is not None and now < endpoint.previous_until:
                keys.append(self._endpoint_key(endpoint, endpoint.secret_number - 1))
        seconds = str(int(now.timestamp()))
        signatures = " ".join(sign(key, delivery.id, seconds, body) for key in keys)
        return {"webhook-id": delivery.id, "webhook-timestamp": seconds, "webhook-signature": signatures}

    def _endpoint_key(self, endpoint: Endpoint, number: int) -> bytes:
        return self._key(_ENDPOINT_PURPOSE + f"{endpoint.id}\n{number}".encode())

    def _key(self, purpose: bytes) -> bytes:
        return hmac.digest(self.server_secret, purpose, "sha256")


@dataclass(frozen=True)
class WebhookDeliverer:
    """Sends what is due. Safe to run in several servers on the same stores."""

    deliveries: DeliveryStore
    endpoints: EndpointStore
    tasks: TaskStore
    sender: HttpSender
    signer: WebhookSigner
    audit: AuditLog
    clock: Clock = utc_now

    def step(self) -> None:
        """One attempt for each delivery that is due, as long as there are any and it does not take too long."""
        until = time.monotonic() + _STEP_SECONDS
        while self._batch() and time.monotonic() < until:
            pass

    def tidy(self) -> None:
        """Forgets old tests; takes over what a server of the release before has left."""
        self.deliveries.tidy(tests_before=self.clock() - _TESTS_KEPT)

    def _batch(self) -> bool:
        """Attempts some; whether there were any."""
        now = self.clock()
        found = self.deliveries.due(now, limit=_BATCH, of_account=_SHARE)
        taken = [delivery for delivery in found if self.deliveries.take(delivery, until=now + _RESERVED)]
        if taken:
            with ThreadPoolExecutor(_BATCH, thread_name_prefix="webhook") as threads:
                _finish(threads.map(self._attempt, taken))
        return bool(taken)

    def _attempt(self, delivery: Delivery) -> None:
        endpoint = self.endpoints.find(delivery.endpoint_id) if delivery.endpoint_id is not None else None
        try:
            body = self._body(delivery)
        except TaskNotFound:
            return  # deleted meanwhile, and the delivery with it
        if delivery.endpoint_id is not None and (endpoint is None or endpoint.disabled_at is not None):
            return  # deleted or switched off meanwhile
        attempt = self._send(delivery, endpoint, body)
        delivered = attempt.error is None
        over = delivered or attempt.status == HTTPStatus.GONE or delivery.retry >= len(SCHEDULE)
        next_at = None if over else attempt.at + SCHEDULE[delivery.retry]
        delivered_at = attempt.at if delivered else None
        self.deliveries.settle(delivery, attempt, delivered_at=delivered_at, next_at=next_at)
        if endpoint is not None:
            self._judge(endpoint, attempt)
        facts = {"delivery_id": delivery.id, "task_id": delivery.task_id, "status": attempt.status, "delivered": delivered}
        _log.info("webhook attempted", extra=facts)

    def _send(self, delivery: Delivery, endpoint: Endpoint | None, body: bytes) -> Attempt:
        now, started = self.clock(), time.monotonic()
        headers = {"Content-Type": "application/json", **self.signer.headers(delivery, endpoint, body, now)}
        try:
            status, error = self.sender.post(delivery.url, headers, body, seconds=_ATTEMPT_SECONDS), None
        except NotSent as failure:
            status, error = None, str(failure)
        if status is not None and not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            error = f"answered {status}"
        return Attempt(delivery.attempts + 1, now, status, error, round((time.monotonic() - started) * 1000))

    def _judge(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """What an attempt says about the endpoint: one that is gone, or fails for days, is switched off."""
        if attempt.error is None:
            self.endpoints.note_success(endpoint.id)
            return
        failing_since = self.endpoints.note_failure(endpoint.id, now=attempt.at)
        because = DisabledBecause.GONE if attempt.status == HTTPStatus.GONE else DisabledBecause.FAILING
        lasting = attempt.at - failing_since >= FAILING
        if (because is DisabledBecause.GONE or lasting) and self.endpoints.disable(endpoint.id, because, now=attempt.at):
            self.audit.record(
                "webhook.disabled",
                actor=_DELIVERER,
                account=endpoint.account_id,
                subject=f"webhook:{endpoint.id}",
                details={"because": because.value, "failing_since": failing_since.isoformat()},
            )
            facts = {"endpoint_id": endpoint.id, "account_id": endpoint.account_id, "because": because.value}
            _log.warning("webhook endpoint disabled", extra=facts)

    def _body(self, delivery: Delivery) -> bytes:
        """The message, the same bytes every time; raises `TaskNotFound`."""
        if delivery.task_id is None:
            return _message(delivery.event, delivery.created_at, {"endpoint_id": delivery.endpoint_id})
        return message_of(self.tasks.get(delivery.task_id))


def sign(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    """The specification's symmetric signature (`v1`)."""
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def message_of(task: Task) -> bytes:
    """What is told of an ended task."""
    data: dict[str, object] = {"id": task.id, "model": task.request.model, "status": task.status.value}
    if task.failure is not None:
        data["error"] = {"code": task.failure.code, "message": task.failure.message}
    event = event_of(task.failure.code if task.failure is not None else None)
    return _message(event, task.ended_at or task.created_at, data)


def _message(event: str, moment: datetime, data: dict[str, object]) -> bytes:
    timestamp = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": timestamp, "data": data}, separators=(",", ":")).encode()


def _shown(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def _finish(attempts: Iterable[None]) -> None:
    """Waits for all; raises the first exception, which is the store's."""
    for _ in attempts:
        pass
