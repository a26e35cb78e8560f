"""Short JSON bodies, read within a limit and checked against a model."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from spark_avatar.api.bodies import limited_stream, without_mark
from spark_avatar.errors import MalformedRequest

_LARGEST_BYTES = 64 * 1024
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True)
class ReceivedJson:
    """A body that was not looked at yet: first it must be known who sent it."""

    document: bytes
    media_type: str


async def short_body(request: Request) -> ReceivedJson:
    """Reads the body; raises `TooLarge`, and `WrongMediaType` for a compressed one."""
    document = b"".join([chunk async for chunk in limited_stream(request, _LARGEST_BYTES)])
    return ReceivedJson(document, request.headers.get("content-type", "").partition(";")[0].strip().lower())


ShortBody = Annotated[ReceivedJson, Depends(short_body)]


def read_as(model: type[Body], body: ReceivedJson) -> Body:
    """The body as a model; raises `MalformedRequest`, which says what is wrong and never repeats a value. Pages of other sites
    can send JSON only after asking, so nothing else is read.
    """
    if body.media_type != "application/json":
        raise MalformedRequest("Send the body as JSON, with `Content-Type: application/json`.")
    try:
        return model.model_validate_json(without_mark(body.document))
    except ValidationError as error:
        faults = "; ".join(
            f"`{'.'.join(map(str, fault['loc'])) or 'body'}`: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise MalformedRequest(f"The request cannot be used. {faults}.") from None


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a call whose body is this model, which holds no other models."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
