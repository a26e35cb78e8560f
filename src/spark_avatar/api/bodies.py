"""Reading the body of a request within its limit."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from spark_avatar.api.auth import current_caller
from spark_avatar.api.ports import Ports, ports_of
from spark_avatar.errors import MalformedRequest, TooLarge
from spark_avatar.schemas.bodies import parse_generation
from spark_avatar.schemas.generation import GenerationRequest

_PARSE_INLINE_BYTES = 64 * 1024
"""A larger body is parsed in a thread: it would hold the event loop up."""


async def limited_stream(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; raises `TooLarge` as soon as it is known to be longer than `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


async def generation_request(
    request: Request,
    ports: Annotated[Ports, Depends(ports_of)],
    _caller: Annotated[object, Depends(current_caller)],  # strangers send no bodies
) -> GenerationRequest:
    """The generation in the body; raises `MalformedRequest` and `TooLarge`."""
    document = b"".join([chunk async for chunk in limited_stream(request, ports.limits.json_bytes)])
    header_model = request.headers.get("x-model")
    if len(document) <= _PARSE_INLINE_BYTES:
        return _parse(document, header_model)
    return await run_in_threadpool(_parse, document, header_model)


def _parse(document: bytes, header_model: str | None) -> GenerationRequest:
    try:
        # Strict JSON: no NaN, no lone surrogates, bounded depth.
        body = from_json(document, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The body must be a JSON object, but it is no JSON: {error}.") from None
    return parse_generation(body, header_model=header_model)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request is too large: at most {limit / 1024 / 1024:.0f} MB are accepted.", facts={"limit_bytes": limit})
