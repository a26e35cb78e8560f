"""What the API description says beyond what follows from the handlers' signatures."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from spark_avatar.accounts.roles import Scope

_KEY, _SESSION = "api_key", "session"


def needs(scope: Scope) -> dict[str, Any]:
    """`openapi_extra` of a call that needs an API key or a session with this scope; `authenticate` goes by it."""
    return {"security": [{_KEY: [scope.value]}, {_SESSION: [scope.value]}]}


NEEDS_USER: dict[str, Any] = {"security": [{_SESSION: []}]}
"""`openapi_extra` of a call that needs a signed-in user, of whatever role."""


def scopes_of(route: object) -> frozenset[Scope]:
    """The scopes that a route says it needs. A route that says nothing must not ask who calls: raises `LookupError`."""
    security = (getattr(route, "openapi_extra", None) or {}).get("security")
    if not security:
        raise LookupError(f"{route!r} does not say which scope it needs")
    return frozenset(Scope(word) for words in security[0].values() for word in words)


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
    **needs(Scope.GENERATE),
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": [_WRAPPED, _FLAT]}}}},
}
"""`openapi_extra` of a call whose body is a generation."""

TAKES_PARAMS: dict[str, Any] = {
    **needs(Scope.GENERATE),
    "requestBody": {"required": True, "content": {"application/json": {"schema": _PARAMS}}},
}
"""`openapi_extra` of a call whose body is the parameters alone."""


def takes_input(name: str) -> dict[str, Any]:
    """`openapi_extra` of a call whose body is the address of one input."""
    schema = {"type": "object", "properties": {name: _URL}, "required": [name]}
    return {
        **needs(Scope.GENERATE),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }


TAKES_FILE: dict[str, Any] = {
    **needs(Scope.GENERATE),
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
    """Adds the ways of authentication to `/openapi.json`."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            document.setdefault("components", {})["securitySchemes"] = {
                _KEY: {"type": "http", "scheme": "bearer"},
                _SESSION: {"type": "apiKey", "in": "cookie", "name": "spark_session"},
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]
