"""Discovery: which models there are and what they take. Needs no key."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from spark_avatar.api.generation import PortsOf
from spark_avatar.api.model_spec import contract, describe, input_schema, summarize
from spark_avatar.api.ports import Ports, base_url
from spark_avatar.api.problems import error_body
from spark_avatar.api.request_ids import request_id_of
from spark_avatar.errors import UnknownModel
from spark_avatar.schemas.models import Envelope, EnvelopeStatus, ModelContract, ModelPage, ModelSpec
from spark_avatar.service.models import Model

_LARGEST_PAGE = 100
_NOT_FOUND = 404

routes = APIRouter(prefix="/api/v1/skill", tags=["models"])


@routes.get("/models", responses={200: {"model": Envelope[ModelPage]}})
def list_models(
    ports: PortsOf,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = 20,
    kind: Annotated[str, Query(alias="type")] = "",
    keywords: str = "",
) -> Response:
    """The models of a type whose id, name or description holds all keywords."""
    found = [model for model in ports.models.all() if (not kind or model.type == kind) and _matches(model, keywords)]
    shown = found[(page - 1) * page_size : page * page_size]
    return _answer(
        ModelPage(
            models=tuple(summarize(model) for model in shown),
            total=len(found),
            page=page,
            page_size=page_size,
            total_pages=-(-len(found) // page_size),
        )
    )


@routes.get("/models/{model_id}/spec", responses={200: {"model": Envelope[ModelSpec]}})
def model_spec(request: Request, model_id: str, ports: PortsOf) -> Response:
    """The model's parameters, and a text for agents."""
    try:
        model = ports.models.get(model_id)
    except UnknownModel as error:
        return _not_found(error, request)
    return _answer(describe(model, _schema(model, ports), base_url=base_url(ports, request)))


@routes.get("/model-contracts/{model_id}", responses={200: {"model": Envelope[ModelContract]}})
def model_contract(request: Request, model_id: str, ports: PortsOf) -> Response:
    """The model's parameters as JSON Schema."""
    try:
        model = ports.models.get(model_id)
    except UnknownModel as error:
        return _not_found(error, request)
    return _answer(contract(model, _schema(model, ports)))


def _matches(model: Model, keywords: str) -> bool:
    text = f"{model.id} {model.name} {model.description}".lower()
    return all(word in text for word in keywords.lower().split())


def _schema(model: Model, ports: Ports) -> dict[str, Any]:
    options = ports.models.options(model).model_json_schema()
    return input_schema(options, ports.limits.media, needs_consent=ports.generation.needs_consent)


def _answer(data: BaseModel) -> Response:
    # The input schema may hold nulls that mean something; everything else has none worth sending.
    return Response(Envelope(data=data).model_dump_json(exclude_none=True), media_type="application/json")


def _not_found(error: UnknownModel, request: Request) -> Response:
    """The envelope of these calls, with the members that every error has."""
    envelope = Envelope[None](data=None, status=EnvelopeStatus(code=_NOT_FOUND, message=error.message))
    body = error_body("not_found", error.message, request_id_of(request))
    return JSONResponse(envelope.model_dump() | body.model_dump(), _NOT_FOUND)
