"""Webhooks of requests that name an address: what was delivered, and the secret that signatures are verified with."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.openapi import needs
from spark_avatar.api.webhook_view import view_deliveries
from spark_avatar.schemas.webhooks import DeliveryList, WebhookSecret

routes = APIRouter(prefix="/model/v1/generation/webhooks", tags=["webhooks"])


@routes.get("", responses={200: {"model": DeliveryList}}, openapi_extra=needs(Scope.READ))
def list_deliveries(request: Request, ports: PortsOf, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """The account's deliveries, newest first."""
    caller = authenticate(request, ports)
    found = ports.webhooks.deliveries.of_account(caller.account_id, limit=limit)
    return _answer(view_deliveries(found))


@routes.get("/secret", responses={200: {"model": WebhookSecret}}, openapi_extra=needs(Scope.GENERATE))
def secret(request: Request, ports: PortsOf) -> Response:
    """The account's secret, in the form of the Standard Webhooks specification. Reading is not enough for it: whoever has it can
    sign messages that receivers take for this server's.
    """
    caller = authenticate(request, ports)
    return _answer(WebhookSecret(secret=ports.webhooks.signer.secret_of(caller.account_id)))


def _answer(body: BaseModel) -> Response:
    return Response(body.model_dump_json(exclude_none=True), media_type="application/json")
