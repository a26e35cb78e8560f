"""Signing in by an identity provider: out to it, and back."""

import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from spark_avatar.accounts.identity_provider import Handshake
from spark_avatar.api.auth import address_of, visitor_of
from spark_avatar.api.generation import PortsOf
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.api.session_cookie import is_secure, session_secret, set_session
from spark_avatar.errors import NotAuthenticated, NotFound, SparkAvatarError
from spark_avatar.schemas.accounts import ProviderView, SignInWays
from spark_avatar.service.provider_sign_in import ProviderSignIn

START_PATH: Final = "/api/v1/oidc/start"
CALLBACK_PATH: Final = "/api/v1/oidc/callback"
_HOME, _SIGN_IN = "/", "/sign-in"
"""The console's pages. Where to go on is never taken from the request: no link leads through us to another site."""
_HANDSHAKE_SECONDS: Final = 600
_HANDSHAKE_FORM: Final = re.compile(r"([\w-]{43})\.([\w-]{43})\.([\w-]{43})", re.ASCII)
_NO_STORE = {"Cache-Control": "no-store"}
_SEE_OTHER = 303

routes = APIRouter(prefix="/api/v1", tags=["sessions"])


@routes.get("/session/ways", responses={200: {"model": SignInWays}})
def ways(ports: PortsOf) -> Response:
    """How users sign in here."""
    provider = ports.accounts.provider
    view = ProviderView(name=provider.provider.name, url=START_PATH) if provider is not None else None
    return Response(SignInWays(provider=view).model_dump_json(), media_type="application/json", headers=_NO_STORE)


@routes.get("/oidc/start", status_code=_SEE_OTHER, response_class=RedirectResponse)
def start(request: Request, ports: PortsOf) -> Response:
    """Sends the browser to the provider."""
    ports.rates.admit_address(address_of(request))
    url, handshake = _provider(ports).begin(_callback(request, ports))
    response = RedirectResponse(url, _SEE_OTHER, headers=_NO_STORE)
    kept = ".".join((handshake.state, handshake.nonce, handshake.verifier))
    secure = is_secure(request, ports)
    response.set_cookie(_name(secure), kept, max_age=_HANDSHAKE_SECONDS, path="/", secure=secure, httponly=True, samesite="lax")
    return response


@routes.get("/oidc/callback", status_code=_SEE_OTHER, response_class=RedirectResponse)
def callback(request: Request, ports: PortsOf, state: str = "", code: str = "") -> Response:
    """The browser comes back: to the console with a session, or to its sign-in with the code of what went wrong."""
    ports.rates.admit_address(address_of(request))
    provider, secure = _provider(ports), is_secure(request, ports)
    kept = _HANDSHAKE_FORM.fullmatch(request.cookies.get(_name(secure), ""))
    response = RedirectResponse(_HOME, _SEE_OTHER, headers=_NO_STORE)
    response.delete_cookie(_name(secure), path="/", secure=secure, httponly=True, samesite="lax")
    try:
        if kept is None:
            raise NotAuthenticated("The sign-in was not begun in this browser, or too long ago: begin it again.")
        found, secret = provider.finish(
            Handshake(*kept.groups()),
            state=state,
            code=code,
            callback=_callback(request, ports),
            visitor=visitor_of(request),
            old_secret=session_secret(request, ports),
        )
    except SparkAvatarError as error:
        response.headers["location"] = f"{_SIGN_IN}?problem={error.code}"
        return response
    seconds = int((found.session.expires_at - found.session.created_at).total_seconds())
    set_session(response, secret, request, ports, seconds=seconds)
    return response


def _provider(ports: Ports) -> ProviderSignIn:
    if ports.accounts.provider is None:
        raise NotFound("This server has no identity provider.")
    return ports.accounts.provider


def _callback(request: Request, ports: Ports) -> str:
    return base_url(ports, request) + CALLBACK_PATH


def _name(secure: bool) -> str:
    return "__Host-spark_oidc" if secure else "spark_oidc"
