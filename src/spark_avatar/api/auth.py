"""Who calls: the API key of a request."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from spark_avatar.accounts.keys import Caller
from spark_avatar.api.ports import Ports, ports_of
from spark_avatar.api.rate_limits import Standing
from spark_avatar.errors import NotAuthenticated

_SCHEMES = ("bearer", "key")


async def current_caller(request: Request, ports: Annotated[Ports, Depends(ports_of)]) -> Caller:
    """The owner of the key in `Authorization: Bearer KEY` (or `Key KEY`); raises `NotAuthenticated` and `RateLimited`."""
    return await run_in_threadpool(authenticate, request, ports)


def authenticate(request: Request, ports: Ports) -> Caller:
    """As `current_caller`, for code that runs in a worker thread already: every hop between threads costs more than the check.
    Counts the request, of its address first: so guessing keys is limited too. Raises `RateLimited`.
    """
    address = request.client.host if request.client is not None else ""
    _show(request, ports.rates.admit_address(address))
    caller = ports.authenticate(key_in(request.headers.get("authorization", "")))
    _show(request, ports.rates.admit_key(caller.key_id))
    return caller


def _show(request: Request, standing: Standing | None) -> None:
    """The answer tells the last standing: that of the key, where there is one."""
    if standing is not None:
        request.state.rate_headers = standing.headers


def key_in(header: str) -> str:
    """The key in an `Authorization` header (RFC 9110, 11.4: the scheme's case does not matter); raises `NotAuthenticated`."""
    scheme, _, key = header.strip().partition(" ")
    key = key.strip()
    if not header.strip():
        raise NotAuthenticated("The API key is missing: send it as `Authorization: Bearer API_KEY`.")
    if scheme.lower() not in _SCHEMES or not key:
        raise NotAuthenticated("The Authorization header cannot be read: send it as `Authorization: Bearer API_KEY`.")
    return key
