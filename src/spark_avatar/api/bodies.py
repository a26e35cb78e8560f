"""Reading the body of a request within its limit."""

import codecs
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from pydantic_core import from_json

from spark_avatar.accounts.keys import Caller
from spark_avatar.api.auth import authenticate, current_caller
from spark_avatar.api.ports import Ports, ports_of
from spark_avatar.errors import MalformedRequest, TooLarge, WrongMediaType
from spark_avatar.media.limits import MEBIBYTE
from spark_avatar.schemas.bodies import parse_generation
from spark_avatar.schemas.generation import GenerationRequest

_SHORT_BYTES = 64 * 1024
_LONGEST_CODING = 40
_KEY_FORM = re.compile(r"[!-~]{1,255}")


async def limited_stream(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. Raises `TooLarge` as soon as it is known to be longer than `limit` bytes, and `WrongMediaType` for
    one that is compressed.
    """
    coding = request.headers.get("content-encoding", "").strip()
    if coding and coding.lower() != "identity":
        raise WrongMediaType(
            f"The body is compressed (`Content-Encoding: {coding[:_LONGEST_CODING]}`): send it uncompressed, without that header."
        )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


@dataclass(frozen=True)
class Received:
    """The body of a create call, not looked at yet."""

    document: bytes
    caller: Caller | None
    """Who sent it, where that had to be known first."""
    header_model: str | None


async def received_body(request: Request, ports: Annotated[Ports, Depends(ports_of)]) -> Received:
    """Reads the body. A long one is read for a known caller only; a short one is taken first, so that authentication and
    all the rest can share one visit to a worker thread. Raises `NotAuthenticated`,
    `TooLarge` and `WrongMediaType`.
    """
    caller = None if _is_short(request) else await current_caller(request, ports)
    document = b"".join([chunk async for chunk in limited_stream(request, ports.limits.json_bytes)])
    return Received(document, caller, request.headers.get("x-model"))


def idempotency_key_of(request: Request) -> str | None:
    """The caller's word for this request, from the `Idempotency-Key` header; raises `MalformedRequest` for one that is no
    word.
    """
    word = request.headers.get("idempotency-key")
    if word is not None and not _KEY_FORM.fullmatch(word):
        raise MalformedRequest("`Idempotency-Key` must be 1 to 255 visible ASCII characters: send a UUID.")
    return word


def open_body(received: Received, request: Request, ports: Ports) -> tuple[Caller, GenerationRequest]:
    """Who asks for which generation; raises `NotAuthenticated` and `MalformedRequest`."""
    caller = received.caller or authenticate(request, ports)
    return caller, _parse(received.document, received.header_model)


def open_queue_body(received: Received, request: Request, ports: Ports, *, model: str) -> tuple[Caller, GenerationRequest]:
    """As `open_body`, for a body that holds the bare parameters of a model that is named elsewhere."""
    caller, params = open_parameters(received, request, ports)
    return caller, GenerationRequest(model=model, params=params)


def open_parameters(received: Received, request: Request, ports: Ports) -> tuple[Caller, dict[str, object]]:
    """Who sends which bare parameters; raises `NotAuthenticated` and `MalformedRequest`."""
    caller = received.caller or authenticate(request, ports)
    params = _from_json(received.document)
    if not isinstance(params, dict):
        raise MalformedRequest("The body must be a JSON object: the parameters of the model.")
    return caller, params


def _is_short(request: Request) -> bool:
    declared = request.headers.get("content-length", "")
    return declared.isdecimal() and int(declared) <= _SHORT_BYTES


def _parse(document: bytes, header_model: str | None) -> GenerationRequest:
    return parse_generation(_from_json(document), header_model=header_model)


def without_mark(document: bytes) -> bytes:
    """JSON without the byte order mark that some editors and libraries put before it (RFC 8259, 8.1, lets it be ignored)."""
    return document.removeprefix(codecs.BOM_UTF8)


def _from_json(document: bytes) -> object:
    """Strict JSON: no NaN, no lone surrogates, no NUL in its texts, bounded depth."""
    try:
        content = from_json(without_mark(document), allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The body must be a JSON object, but it is no JSON: {error}.") from None
    # PostgreSQL cannot take apart what has one, and would fail on it in whoever's search comes across it.
    if b"\\u0000" in document and _holds_nul(content):
        raise MalformedRequest("The body holds a NUL character (\\u0000): leave it out.")
    return content


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_holds_nul, (*value, *value.values())))
    return isinstance(value, list) and any(map(_holds_nul, value))


def _too_large(limit: int) -> TooLarge:
    most = f"{limit / MEBIBYTE:.0f} MiB" if limit >= MEBIBYTE else f"{limit / 1024:.0f} KiB"
    return TooLarge(f"The request is too large: at most {most} are accepted.", facts={"limit_bytes": limit})
