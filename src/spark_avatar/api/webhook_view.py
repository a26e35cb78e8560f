"""Webhooks as their owners see them."""

from datetime import datetime
from typing import Literal

from spark_avatar.schemas.webhooks import AttemptView, DeliveryList, DeliveryView, EndpointMade, EndpointView
from spark_avatar.tasks.deliveries import Attempt, Delivery
from spark_avatar.tasks.endpoints import Endpoint


def view_deliveries(found: list[Delivery]) -> DeliveryList:
    """A list of deliveries."""
    return DeliveryList(deliveries=tuple(view_delivery(delivery) for delivery in found))


def view_delivery(delivery: Delivery) -> DeliveryView:
    """One delivery."""
    return DeliveryView(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        task_id=delivery.task_id,
        event=delivery.event,
        url=delivery.url,
        state=_state(delivery),
        attempts=delivery.attempts,
        created_at=int(delivery.created_at.timestamp()),
        next_at=_seconds(delivery.next_at),
        delivered_at=_seconds(delivery.delivered_at),
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )


def view_attempt(attempt: Attempt) -> AttemptView:
    """One try."""
    return AttemptView(
        number=attempt.number,
        at=int(attempt.at.timestamp()),
        status=attempt.status,
        error=attempt.error,
        milliseconds=attempt.milliseconds,
    )


def view_endpoint(endpoint: Endpoint, now: datetime) -> EndpointView:
    """One endpoint, without its secret."""
    until = endpoint.previous_until
    return EndpointView(
        id=endpoint.id,
        url=endpoint.terms.url,
        events=endpoint.terms.events,
        description=endpoint.terms.description,
        enabled=endpoint.disabled_at is None,
        disabled_because=endpoint.disabled_because.value if endpoint.disabled_because is not None else None,
        disabled_at=_seconds(endpoint.disabled_at),
        failing_since=_seconds(endpoint.failing_since),
        created_at=int(endpoint.created_at.timestamp()),
        previous_secret_until=_seconds(until) if until is not None and until > now else None,
    )


def view_made(endpoint: Endpoint, secret: str, now: datetime) -> EndpointMade:
    """One endpoint with its secret."""
    return EndpointMade(**dict(view_endpoint(endpoint, now)), secret=secret)


def _state(delivery: Delivery) -> Literal["waiting", "delivered", "given_up"]:
    if delivery.next_at is not None:
        return "waiting"
    return "given_up" if delivery.delivered_at is None else "delivered"


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
