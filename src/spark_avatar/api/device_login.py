"""Logging in from a terminal: what the program asks, and what the person answers on the page."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from spark_avatar.accounts.audit import Actor
from spark_avatar.accounts.device_login import DeviceLogin, Proof
from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.tokens import TokenPair
from spark_avatar.api.auth import actor_of, address_of, authenticate
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.json_bodies import ShortBody, read_as, takes
from spark_avatar.api.openapi import NEEDS_USER
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.api.rate_limits import network_of
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.errors import NotAllowed
from spark_avatar.schemas.device_login import (
    ApprovalRequest,
    DeviceCode,
    DeviceCodeRequest,
    LoginAnswer,
    Me,
    PendingLogin,
    RefreshRequest,
    Revoked,
    RevokeRequest,
    TokenRequest,
    Tokens,
    WhoAmI,
)
from spark_avatar.schemas.models import Envelope
from spark_avatar.service.device_login import Granted

APPROVAL_PATH: Final = "/device"
"""The console's page for the code."""
_BEGINNINGS: Final = "30/minute"
"""Logins that an address may begin: each one takes a row until it expires."""
_GUESSES: Final = "20/minute"
"""User codes that a person may try."""
_NO_STORE: Final = {"Cache-Control": "no-store"}

routes = APIRouter(prefix="/api/v1", tags=["login"])


@routes.post("/cli/device/code", responses={200: {"model": Envelope[DeviceCode]}}, openapi_extra=takes(DeviceCodeRequest))
def begin(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Begins a login for a program that holds an Ed25519 key. The person opens `verification_uri?code=USER_CODE`."""
    address = address_of(request)
    ports.rates.admit_address(address)
    ports.rates.admit(f"device-code:{network_of(address)}", "this address", _BEGINNINGS)
    given = read_as(DeviceCodeRequest, body)
    begun = ports.accounts.device_logins.begin(given.client_id, given.client_public_key, address=address)
    code = DeviceCode(**vars(begun), verification_uri=base_url(ports, request) + APPROVAL_PATH)
    return _data(code)


@routes.post("/cli/token", responses={200: {"model": Envelope[LoginAnswer]}}, openapi_extra=takes(TokenRequest))
def ask(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Where the login stands, for the program that proves it has begun it: `pending`, `expired`, or `authorized` with the
    tokens and an API key, this once.
    """
    ports.rates.admit_address(address_of(request))
    given = read_as(TokenRequest, body)
    proof = Proof(given.device_code, str(given.timestamp), given.nonce, given.proof)
    actor = Actor(address=address_of(request) or None, request_id=request_id_of(request))
    found = ports.accounts.device_logins.ask(proof, actor=actor)
    if isinstance(found, Granted):
        return _data(LoginAnswer(status="authorized", api_key=found.api_key, **vars(found.tokens)))
    return _data(LoginAnswer(status="expired" if found is None else "pending"))


@routes.post("/cli/token/refresh", responses={200: {"model": Envelope[Tokens]}}, openapi_extra=takes(RefreshRequest))
def refresh(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """The next pair of tokens; a refresh token works once. One that is shown again ends its whole login: it was stolen."""
    ports.rates.admit_address(address_of(request))
    return _tokens(ports.accounts.device_logins.refresh(read_as(RefreshRequest, body).refresh_token))


@routes.post("/cli/token/revoke", responses={200: {"model": Envelope[Revoked]}}, openapi_extra=takes(RevokeRequest))
def revoke(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Ends the login that a token of either kind came from (RFC 7009: an unknown token is no error)."""
    ports.rates.admit_address(address_of(request))
    ports.accounts.device_logins.log_out(read_as(RevokeRequest, body).token)
    return _data(Revoked())


@routes.get("/auth/me", responses={200: {"model": Envelope[Me]}}, openapi_extra=NEEDS_USER)
def me(request: Request, ports: PortsOf) -> Response:
    """The user behind an access token or a session."""
    caller = authenticate(request, ports)
    if caller.user_id is None or caller.role is None:
        raise NotAllowed("An API key stands for no user: send the access token of a login.")
    user, _ = ports.accounts.members.users.get(caller.user_id)
    who = WhoAmI(id=user.id, email=user.email, account=caller.account_id, name=user.name, role=caller.role.value)
    return _data(Me(user=who))


@routes.get("/device/approval", responses={200: {"model": Envelope[PendingLogin]}}, openapi_extra=NEEDS_USER)
def describe(request: Request, ports: PortsOf, code: Annotated[str, Query(max_length=64)] = "") -> Response:
    """The login that waits under this code, for the page that asks the person."""
    caller = _guess(request, ports)
    return _data(_view(ports.accounts.device_logins.describe(code), caller, "pending"))


@routes.post(
    "/device/approval",
    responses={200: {"model": Envelope[PendingLogin]}},
    openapi_extra=NEEDS_USER | takes(ApprovalRequest),
)
def decide(request: Request, body: ShortBody, ports: PortsOf) -> Response:
    """Lets the program in, for the workspace that the session looks at, or not."""
    caller = _guess(request, ports)
    given = read_as(ApprovalRequest, body)
    login = ports.accounts.device_logins.decide(given.code, user=caller, actor=actor_of(request, caller), approved=given.approve)
    return _data(_view(login, caller, "approved" if given.approve else "denied"))


def _guess(request: Request, ports: Ports) -> Caller:
    """Somebody who signed in with a browser: what a program holds must not let in further programs. Each code that they try
    counts; raises `NotAllowed` and `RateLimited`.
    """
    caller = authenticate(request, ports)
    if caller.session_id is None or caller.user_id is None:
        raise NotAllowed("Only somebody who has signed in with a browser can let a program in.")
    ports.rates.admit(f"user-code:{caller.user_id}", "this user", _GUESSES)
    return caller


def _view(login: DeviceLogin, caller: Caller, state: str) -> PendingLogin:
    return PendingLogin.model_validate(
        {
            "code": login.user_code,
            "client_id": login.client_id,
            "address": login.address,
            "created_at": int(login.created_at.timestamp()),
            "expires_at": int(login.expires_at.timestamp()),
            "state": state,
            "account": str(caller.account_id),
        }
    )


def _tokens(pair: TokenPair) -> Response:
    return _data(Tokens(**vars(pair)))


def _data(content: BaseModel) -> Response:
    envelope = Envelope[BaseModel](data=content)
    document = envelope.model_dump_json(exclude_none=True, serialize_as_any=True)
    return Response(document, media_type="application/json", headers=_NO_STORE)
