"""The owner's view of webhooks: what was delivered, and the secret that signatures are verified with."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.openapi import needs
from spark_avatar.schemas.webhooks import DeliveryList, DeliveryView, WebhookSecret
from spark_avatar.tasks.deliveries import Delivery

routes = APIRouter(prefix="/model/v1/generation/webhooks", tags=["webhooks"])


@routes.get("", responses={200: {"model": DeliveryList}}, openapi_extra=needs(Scope.READ))
def list_deliveries(request: Request, ports: PortsOf, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """The account's deliveries, newest first."""
    caller = authenticate(request, ports)
    found = ports.webhooks.deliveries.of_account(caller.account_id, limit=limit)
    return _answer(DeliveryList(deliveries=tuple(_view(delivery) for delivery in found)))


@routes.get("/secret", responses={200: {"model": WebhookSecret}}, openapi_extra=needs(Scope.READ))
def secret(request: Request, ports: PortsOf) -> Response:
    """The account's secret, in the form of the Standard Webhooks specification."""
    caller = authenticate(request, ports)
    return _answer(WebhookSecret(secret=ports.webhooks.signer.secret_of(caller.account_id)))


def _view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        task_id=delivery.task_id,
        url=delivery.url,
        state=_state(delivery),
        attempts=delivery.attempts,
        created_at=int(delivery.created_at.timestamp()),
        next_at=_seconds(delivery.next_at) if delivery.attempts else None,
        delivered_at=_seconds(delivery.delivered_at),
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )


def _state(delivery: Delivery) -> Literal["waiting", "delivered", "given_up"]:
    if delivery.next_at is not None:
        return "waiting"
    return "given_up" if delivery.delivered_at is None else "delivered"


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _answer(body: BaseModel) -> Response:
    return Response(body.model_dump_json(exclude_none=True), media_type="application/json")
