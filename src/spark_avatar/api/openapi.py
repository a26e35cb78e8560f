"""What the API description says beyond what follows from the handlers' signatures."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_SCHEME = "api_key"
NEEDS_KEY: dict[str, Any] = {"security": [{_SCHEME: []}]}
"""`openapi_extra` of a call that needs an API key."""

_URL = {"type": "string", "description": "An http(s) address, a data: URL, or the address of an uploaded file."}
_PARAMS: dict[str, Any] = {
    "type": "object",
    "properties": {"image_url": _URL, "audio_url": _URL},
    "required": ["image_url", "audio_url"],
    "description": "And the model's optional parameters: see its spec.",
}
_PART = {
    "type": "object",
    "properties": {"type": {"enum": ["image_url", "audio_url"]}, "url": _URL},
    "required": ["type", "url"],
}
_ELEMENT = {"type": "object", "properties": {"params": _PARAMS, "content": {"type": "array", "items": _PART}}}
_MODEL = {"type": "string", "description": "May be sent in the `X-Model` header instead."}
_WRAPPED = {
    "type": "object",
    "title": "Wrapped",
    "properties": {"model": _MODEL, "input": {"type": "array", "items": _ELEMENT, "minItems": 1, "maxItems": 1}},
    "required": ["input"],
}
_FLAT = {**_PARAMS, "title": "Flat", "properties": {"model": _MODEL, **_PARAMS["properties"]}}
TAKES_GENERATION: dict[str, Any] = {
    **NEEDS_KEY,
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": [_WRAPPED, _FLAT]}}}},
}
"""`openapi_extra` of a call whose body is a generation."""

TAKES_PARAMS: dict[str, Any] = {
    **NEEDS_KEY,
    "requestBody": {"required": True, "content": {"application/json": {"schema": _PARAMS}}},
}
"""`openapi_extra` of a call whose body is the parameters alone."""

TAKES_FILE: dict[str, Any] = {
    **NEEDS_KEY,
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    },
}
"""`openapi_extra` of the upload."""


def install_description(app: FastAPI) -> None:
    """Adds the way of authentication to `/openapi.json`."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            document.setdefault("components", {})["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer"}}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]
