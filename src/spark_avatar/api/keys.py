"""Management of a workspace's API keys."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.keys import ApiKey, KeyTerms
from spark_avatar.accounts.roles import Scope
from spark_avatar.api.auth import actor_of, authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import needs
from spark_avatar.schemas.keys import KeyBody, KeyChanges, KeyList, KeyMade, KeyView, Rotation, decimal_of

_NO_STORE = {"Cache-Control": "no-store"}
_MANAGES = needs(Scope.ADMIN)
_NOTHING = Decimal(0)
_FROM_WIRE: Final[dict[str, Callable[[Any], object]]] = {
    "scopes": lambda words: frozenset(map(Scope, words)),
    "expires_at": lambda seconds: None if seconds is None else datetime.fromtimestamp(seconds, UTC),
    "models": lambda models: None if models is None else frozenset(models),
    "monthly_budget": decimal_of,
}

routes = APIRouter(prefix="/api/v1/keys", tags=["keys"])


@routes.get("", responses={200: {"model": KeyList}}, openapi_extra=_MANAGES)
def list_keys(request: Request, ports: PortsOf) -> Response:
    """The workspace's keys, the oldest first, revoked ones too."""
    account = authenticate(request, ports).account_id
    spent = ports.accounts.keys.spent(account)
    found = ports.accounts.keys.list(account)
    return _json(KeyList(keys=tuple(view_key(key, spent) for key in found)))


@routes.post("", responses={200: {"model": KeyMade}}, openapi_extra=_MANAGES | takes(KeyBody))
def create(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """A new key; its secret is in this answer and nowhere else."""
    caller = authenticate(request, ports)
    given = read_as(KeyBody, body)
    values = _values(given.model_dump(exclude={"name"}))
    key, secret = ports.accounts.keys.create(caller.account_id, given.name, KeyTerms(**values), actor_of(request, caller))
    return _json(KeyMade(**dict(view_key(key, {})), secret=secret))


@routes.get("/{key_id}", responses={200: {"model": KeyView}}, openapi_extra=_MANAGES)
def show(request: Request, key_id: str, ports: PortsOf) -> Response:
    """One key."""
    account = authenticate(request, ports).account_id
    key = ports.accounts.keys.get(account, key_id)
    return _json(view_key(key, ports.accounts.keys.spent(account)))


@routes.patch("/{key_id}", responses={200: {"model": KeyView}}, openapi_extra=_MANAGES | takes(KeyChanges))
def change(request: Request, key_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """Changes the name or what the key may do, at once. What is left out stays; null takes a limit away."""
    caller = authenticate(request, ports)
    changes = _values(read_as(KeyChanges, body).model_dump(exclude_unset=True))
    key = ports.accounts.keys.change(caller.account_id, key_id, changes, actor_of(request, caller))
    return _json(view_key(key, ports.accounts.keys.spent(caller.account_id)))


@routes.delete("/{key_id}", responses={200: {"model": KeyView}}, openapi_extra=_MANAGES)
def revoke(request: Request, key_id: str, ports: PortsOf) -> Response:
    """Makes the key useless, at once and for good."""
    caller = authenticate(request, ports)
    key = ports.accounts.keys.revoke(caller.account_id, key_id, actor_of(request, caller))
    return _json(view_key(key, ports.accounts.keys.spent(caller.account_id)))


@routes.post("/{key_id}/rotate", responses={200: {"model": KeyMade}}, openapi_extra=_MANAGES | takes(Rotation))
def rotate(request: Request, key_id: str, body: ShortBody, ports: PortsOf) -> Response:
    """A new key on the same terms; the old one works until the grace is over."""
    caller = authenticate(request, ports)
    grace = timedelta(seconds=read_as(Rotation, body).grace_seconds)
    key, secret = ports.accounts.keys.rotate(caller.account_id, key_id, grace, actor_of(request, caller))
    return _json(KeyMade(**dict(view_key(key, {})), secret=secret))


def view_key(key: ApiKey, spent: Mapping[str, Decimal]) -> KeyView:
    """What is known of a key; `spent` is by key id."""
    terms, now = key.terms, datetime.now(UTC)
    budget = terms.monthly_budget
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        state="active" if key.is_live(now) else "revoked" if key.revoked_at is not None else "expired",
        scopes=tuple(sorted(scope.value for scope in terms.scopes)),
        created_at=int(key.created_at.timestamp()),
        created_by=key.created_by,
        expires_at=_seconds(terms.expires_at),
        revoked_at=_seconds(key.revoked_at),
        rotated_to=key.rotated_to,
        models=tuple(sorted(terms.models)) if terms.models is not None else None,
        rate_limit=terms.rate_limit,
        monthly_budget=f"{budget:f}" if budget is not None else None,
        spent_this_month=f"{spent.get(key.id, _NOTHING):f}",
        last_used_at=_seconds(key.last_used_at),
        last_used_address=key.last_used_address,
    )


def _values(given: Mapping[str, object]) -> dict[str, Any]:
    """The terms as the service knows them."""
    return {name: _FROM_WIRE[name](value) if name in _FROM_WIRE else value for name, value in given.items()}


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), media_type="application/json", headers=_NO_STORE)
