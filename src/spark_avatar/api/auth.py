"""Who calls, and whether they may: the API key, the token or the session of a request.

A route says what it needs where it is declared (`openapi_extra=needs(Scope.READ)`); the same words stand in the API
description, and a test asks every route for them.
"""

from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from spark_avatar.accounts.audit import Actor
from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Scope
from spark_avatar.accounts.sessions import SignedIn
from spark_avatar.api.forgery import refuse_forgery, refuse_other_sites
from spark_avatar.api.openapi import scopes_of
from spark_avatar.api.ports import Ports, ports_of
from spark_avatar.api.rate_limits import Standing, network_of
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.api.session_cookie import session_secret
from spark_avatar.errors import NotAllowed, NotAuthenticated
from spark_avatar.service.sign_in import Visitor

_SCHEMES = ("bearer", "key")


async def current_caller(request: Request, ports: Annotated[Ports, Depends(ports_of)]) -> Caller:
    """As `authenticate`, in a worker thread."""
    return await run_in_threadpool(authenticate, request, ports)


def authenticate(request: Request, ports: Ports) -> Caller:
    """Who makes the request: the owner of the key in `Authorization: Bearer KEY` (or `Key KEY`), or the user of the session
    in the cookie. For code that runs in a worker thread already: every hop between threads costs more than the check.

    Counts the request, of its address first: so guessing keys is limited too. Raises `NotAuthenticated`, `RateLimited`, and
    `NotAllowed` for a caller that lacks the scope that the route needs, or a change by cookie from another site's page.
    """
    _show(request, ports.rates.admit_address(address_of(request)))
    caller = _prove(request, ports)
    _show(request, ports.rates.admit_key(caller.key_id, caller.rate_limit))
    _check_scopes(caller, scopes_of(request.scope["route"]))
    return caller


def admit_visitor(request: Request, ports: Ports) -> Visitor:
    """Counts a request of somebody who need not be known, and refuses it from another site's page: signing a user in
    unnoticed is an attack as well. Raises `RateLimited` and `NotAllowed`.
    """
    _show(request, ports.rates.admit_address(address_of(request)))
    refuse_other_sites(request, ports)
    return visitor_of(request)


def visitor_of(request: Request) -> Visitor:
    """Where a request comes from."""
    address = address_of(request)
    return Visitor(address, network_of(address), request.headers.get("user-agent", ""), request_id_of(request))


def actor_of(request: Request, caller: Caller) -> Actor:
    """Who acts, for the audit log."""
    return Actor(caller.actor, address_of(request) or None, request_id_of(request))


def signed_in(request: Request, ports: Ports) -> SignedIn | None:
    """The session of the request's cookie, for pages that show something else to those who have none."""
    secret = session_secret(request, ports)
    if secret is None:
        return None
    try:
        return ports.accounts.sign_in.find(secret)
    except NotAuthenticated:
        return None


def address_of(request: Request) -> str:
    """The network address of the client; empty where it has none, as behind a Unix socket."""
    return request.client.host if request.client is not None else ""


def key_in(header: str) -> str:
    """The key in an `Authorization` header (RFC 9110, 11.4: the scheme's case does not matter); raises `NotAuthenticated`."""
    scheme, _, key = header.strip().partition(" ")
    key = key.strip()
    if not header.strip():
        raise NotAuthenticated("The API key is missing: send it as `Authorization: Bearer API_KEY`.")
    if scheme.lower() not in _SCHEMES or not key:
        raise NotAuthenticated("The Authorization header cannot be read: send it as `Authorization: Bearer API_KEY`.")
    return key


def _prove(request: Request, ports: Ports) -> Caller:
    header = request.headers.get("authorization", "")
    secret = None if header.strip() else session_secret(request, ports)
    if secret is None:
        return ports.authenticate(key_in(header), address_of(request))
    caller = ports.accounts.sign_in.find(secret).caller
    refuse_forgery(request, ports, secret)
    return caller


def _check_scopes(caller: Caller, needed: frozenset[Scope]) -> None:
    missing = needed - caller.scopes
    if missing:
        what = "Your role" if caller.role is not None else "The API key"
        raise NotAllowed(f"{what} may not do this: the scope {', '.join(sorted(missing))} is missing.")


def _show(request: Request, standing: Standing | None) -> None:
    """The answer tells the last standing: that of the key, where there is one."""
    if standing is not None:
        request.state.rate_headers = standing.headers
