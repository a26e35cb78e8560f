"""An account's webhook endpoints and the log of what was delivered, for whoever manages the workspace."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import actor_of, authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import needs
from spark_avatar.api.webhook_view import view_attempt, view_deliveries, view_delivery, view_endpoint, view_made
from spark_avatar.schemas.webhooks import (
    DeliveryDetails,
    DeliveryList,
    DeliveryView,
    EndpointBody,
    EndpointChange,
    EndpointList,
    EndpointMade,
    EndpointView,
    RotationBody,
    WebhookSecret,
)

_NO_STORE: Final = {"Cache-Control": "no-store"}
_MANAGES: Final = needs(Scope.ADMIN)
Limit = Annotated[int, Query(ge=1, le=100)]

routes = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])


@routes.post("", responses={201: {"model": EndpointMade}}, status_code=201, openapi_extra=_MANAGES | takes(EndpointBody))
def create(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """A new endpoint, and its secret."""
    caller = authenticate(request, ports)
    given = read_as(EndpointBody, body)
    endpoint, secret = ports.webhook_endpoints.create(
        caller.account_id, given.url, events=given.events, description=given.description, actor=actor_of(request, caller)
    )
    return _json(view_made(endpoint, secret, _now()), 201)


@routes.get("", responses={200: {"model": EndpointList}}, openapi_extra=_MANAGES)
def list_endpoints(request: Request, ports: PortsOf) -> Response:
    """The account's endpoints, the oldest first."""
    found = ports.webhook_endpoints.endpoints.of_account(authenticate(request, ports).account_id)
    return _json(EndpointList(endpoints=tuple(view_endpoint(endpoint, _now()) for endpoint in found)))


@routes.get("/deliveries", responses={200: {"model": DeliveryList}}, openapi_extra=_MANAGES)
def list_deliveries(request: Request, ports: PortsOf, task_id: str | None = None, limit: Limit = 20) -> Response:
    """The account's deliveries, newest first: all, or those about a task."""
    caller = authenticate(request, ports)
    if task_id is not None and "\0" in task_id:
        task_id = ""
    return _json(view_deliveries(ports.webhook_endpoints.delivered(caller.account_id, limit=limit, task_id=task_id)))


@routes.get("/deliveries/{delivery_id}", responses={200: {"model": DeliveryDetails}}, openapi_extra=_MANAGES)
def get_delivery(request: Request, delivery_id: str, ports: PortsOf) -> Response:
    """One delivery with all its attempts."""
    caller = authenticate(request, ports)
    delivery, attempts = ports.webhook_endpoints.delivery(delivery_id, caller.account_id)
    return _json(DeliveryDetails(delivery=view_delivery(delivery), attempts=tuple(map(view_attempt, attempts))))


@routes.post(
    "/deliveries/{delivery_id}/replay", responses={202: {"model": DeliveryView}}, status_code=202, openapi_extra=_MANAGES
)
def replay(request: Request, delivery_id: str, ports: PortsOf) -> Response:
    """Sends a message again, with the same `webhook-id`, whether it had arrived or not."""
    caller = authenticate(request, ports)
    delivery = ports.webhook_endpoints.replay(delivery_id, caller.account_id, actor=actor_of(request, caller))
    return _json(view_delivery(delivery), 202)


@routes.get("/{endpoint_id}", responses={200: {"model": EndpointView}}, openapi_extra=_MANAGES)
def get_endpoint(request: Request, endpoint_id: str, ports: PortsOf) -> Response:
    """One endpoint."""
    caller = authenticate(request, ports)
    return _json(view_endpoint(ports.webhook_endpoints.endpoints.get(endpoint_id, caller.account_id), _now()))


@routes.patch("/{endpoint_id}", responses={200: {"model": EndpointView}}, openapi_extra=_MANAGES | takes(EndpointChange))
def change(request: Request, endpoint_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """Changes the address, the events or the description; switches it off and on."""
    caller = authenticate(request, ports)
    ports.webhook_endpoints.endpoints.get(endpoint_id, caller.account_id)
    given = read_as(EndpointChange, body)
    endpoint = ports.webhook_endpoints.change(
        endpoint_id,
        caller.account_id,
        url=given.url,
        events=given.events,
        description=given.description,
        enabled=given.enabled,
        actor=actor_of(request, caller),
    )
    return _json(view_endpoint(endpoint, _now()))


@routes.delete("/{endpoint_id}", status_code=204, openapi_extra=_MANAGES)
def remove(request: Request, endpoint_id: str, ports: PortsOf) -> Response:
    """Forgets an endpoint with the log of its deliveries; what waits is not sent."""
    caller = authenticate(request, ports)
    ports.webhook_endpoints.remove(endpoint_id, caller.account_id, actor=actor_of(request, caller))
    return Response(status_code=204, headers=_NO_STORE)


@routes.post("/{endpoint_id}/rotate", responses={200: {"model": EndpointMade}}, openapi_extra=_MANAGES | takes(RotationBody))
def rotate(request: Request, endpoint_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """A new secret. For `grace_seconds` (a day) messages are signed with the one before, too."""
    caller = authenticate(request, ports)
    ports.webhook_endpoints.endpoints.get(endpoint_id, caller.account_id)
    given = read_as(RotationBody, body) if body.document else RotationBody()
    endpoint, secret = ports.webhook_endpoints.rotate(
        endpoint_id, caller.account_id, grace=timedelta(seconds=given.grace_seconds), actor=actor_of(request, caller)
    )
    return _json(view_made(endpoint, secret, _now()))


@routes.get("/{endpoint_id}/secret", responses={200: {"model": WebhookSecret}}, openapi_extra=_MANAGES)
def secret(request: Request, endpoint_id: str, ports: PortsOf) -> Response:
    """The present secret; that it was shown stands in the audit log."""
    caller = authenticate(request, ports)
    _, word = ports.webhook_endpoints.secret(endpoint_id, caller.account_id, actor=actor_of(request, caller))
    return _json(WebhookSecret(secret=word))


@routes.post("/{endpoint_id}/test", responses={202: {"model": DeliveryView}}, status_code=202, openapi_extra=_MANAGES)
def test(request: Request, endpoint_id: str, ports: PortsOf) -> Response:
    """Sends `webhook.test` to the endpoint, whatever events it asks for."""
    caller = authenticate(request, ports)
    return _json(view_delivery(ports.webhook_endpoints.test(endpoint_id, caller.account_id)), 202)


@routes.get("/{endpoint_id}/deliveries", responses={200: {"model": DeliveryList}}, openapi_extra=_MANAGES)
def deliveries_of(request: Request, endpoint_id: str, ports: PortsOf, limit: Limit = 20) -> Response:
    """What was or is to be delivered to the endpoint, newest first."""
    caller = authenticate(request, ports)
    found = ports.webhook_endpoints.delivered(caller.account_id, limit=limit, endpoint_id=endpoint_id)
    return _json(view_deliveries(found))


def _now() -> datetime:
    return datetime.now(UTC)


def _json(body: BaseModel, status: int = 200) -> Response:
    return Response(body.model_dump_json(exclude_none=True), status, _NO_STORE, "application/json")
