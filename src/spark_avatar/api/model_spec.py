"""A model described for people, agents and programs. All of it follows from one JSON Schema: the inputs that every model
takes and the options that its engine declares.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from spark_avatar.engines.seed import MAX_SEED
from spark_avatar.media.limits import MEBIBYTE, MediaLimits
from spark_avatar.schemas.models import (
    CallDescription,
    Constraints,
    ContractEndpoints,
    ContractExample,
    EndpointTemplate,
    ModelContract,
    ModelSpec,
    ModelSummary,
    Parameter,
)
from spark_avatar.service.models import Model
from spark_avatar.service.parameters import CONSENT, MAX_CONSENT_CHARACTERS

CREATE_PATH = "/model/v1/generation"
TASK_PATH = "/model/v1/generation/task/{id}"
VENDOR = "Spark Avatar"
FAMILY = "spark_avatar"
_HEADERS = {"Authorization": "Bearer API_KEY", "Content-Type": "application/json"}
_EXAMPLES: dict[str, object] = {
    "image_url": "https://example.com/portrait.jpg",
    "audio_url": "https://example.com/speech.wav",
}


def summarize(model: Model) -> ModelSummary:
    """The model in a list."""
    return ModelSummary(
        id=model.id,
        name=model.name,
        description=model.description,
        input_modalities=model.input_modalities,
        output_modalities=model.output_modalities,
    )


def input_schema(options_schema: Mapping[str, Any], limits: MediaLimits, *, needs_consent: bool = False) -> dict[str, Any]:
    """JSON Schema (2020-12) of a model's parameters, given that of its engine's options."""
    inputs: dict[str, Any] = {
        "image_url": {
            "type": "string",
            "minLength": 1,
            "description": "The portrait: an http(s) address or a data: URL. JPG (recommended), PNG, JFIF, WebP and others, "
            f"smaller than {limits.image_bytes / MEBIBYTE:g} MiB and {limits.image_side} x {limits.image_side}. "
            "One person, a large face and a frontal view give the best result.",
        },
        "audio_url": {
            "type": "string",
            "minLength": 1,
            "description": "The speech that drives the portrait: an http(s) address or a data: URL. Under 15 s is recommended; "
            f"up to {limits.audio_seconds:g} s and {limits.audio_bytes / MEBIBYTE:g} MiB work.",
        },
        "seed": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_SEED,
            "description": "The same inputs, options and seed make the same frames; by default drawn for each task.",
        },
    }
    about = {
        "label": {"type": "boolean", "default": False, "description": "Show in a corner of the video that it was generated."},
        CONSENT: {
            "type": "string",
            "minLength": int(needs_consent),
            "maxLength": MAX_CONSENT_CHARACTERS,
            "description": "A statement that the person shown agrees to the video. It is kept with the task; the video itself "
            "says only that there was one.",
        },
    }
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": inputs | dict(options_schema.get("properties", {})) | about,
        "required": ["image_url", "audio_url", *options_schema.get("required", []), *([CONSENT] if needs_consent else [])],
    }
    if "$defs" in options_schema:
        schema["$defs"] = options_schema["$defs"]
    return schema


def parameters(schema: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """The parameters of a schema, in its order."""
    return tuple(_parameter(name, rule, schema) for name, rule in schema["properties"].items())


def describe(model: Model, schema: Mapping[str, Any], *, base_url: str) -> ModelSpec:
    """The model's spec."""
    found = parameters(schema)
    api = CallDescription(endpoint=base_url + CREATE_PATH, headers=_HEADERS)
    prompt = _agent_prompt(model, found, api, base_url)
    return ModelSpec(model_id=model.id, name=model.name, vendor=VENDOR, api=api, parameters=found, agent_prompt=prompt)


def contract(model: Model, schema: dict[str, Any]) -> ModelContract:
    """The model's contract. Its revision is a digest of the schema."""
    status = EndpointTemplate(method="GET", path=TASK_PATH)
    return ModelContract(
        revision=hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:12],
        model_id=model.id,
        display_name=model.name,
        family=FAMILY,
        endpoints=ContractEndpoints(
            submit=EndpointTemplate(method="POST", path=CREATE_PATH),
            status=status,
            result=status,
            cancel=EndpointTemplate(method="DELETE", path=TASK_PATH),
        ),
        input_schema=schema,
        examples=(ContractExample(name="A portrait speaks", input=dict(_EXAMPLES)),),
    )


def _parameter(name: str, rule: Mapping[str, Any], schema: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=name,
        path=f"input[0].params.{name}",
        type=rule.get("type", "string"),
        required=name in schema["required"],
        description=rule.get("description", ""),
        constraints=Constraints(
            enum=rule.get("enum"),
            default=rule.get("default"),
            min=rule.get("minimum"),
            max=rule.get("maximum"),
            min_length=rule.get("minLength"),
            max_length=rule.get("maxLength"),
            max_items=rule.get("maxItems"),
        ),
        example=_EXAMPLES.get(name, rule.get("default")),
    )


def _agent_prompt(model: Model, found: tuple[Parameter, ...], api: CallDescription, base_url: str) -> str:
    """A text that lets an agent make the calls without reading anything else."""
    body = json.dumps({"model": model.id, "input": [{"params": _EXAMPLES}]}, indent=2)
    headers = "\n".join(f"{name}: {value}" for name, value in api.headers.items())
    rows = "\n".join(
        f"| {row.name} | {row.type} | {'yes' if row.required else 'no'} | {_bounds(row.constraints)} | {row.description} |"
        for row in found
    )
    return f"""\
{model.name} ({model.id}): {model.description}

1. Create a task:

{api.method} {api.endpoint}
{headers}

{body}

| parameter | type | required | values | meaning |
| --- | --- | --- | --- | --- |
{rows}

To use a local file, first POST it to {base_url}/api/v1/storage/files (multipart/form-data, part `file`, the same
Authorization header) and take `url` from the answer.

2. The answer holds the task's `id` and `status` "in_progress". Poll every 2 seconds, with the same Authorization header:

GET {base_url}{TASK_PATH}

3. When `status` is "completed", the video is at `output[0].content[0].url`. When it is "failed", `error.message` says why and
what to change. While it is "in_progress", `progress` grows from 0 to 1.
"""


def _bounds(rule: Constraints) -> str:
    parts = []
    if rule.enum is not None:
        parts.append("one of " + ", ".join(str(value) for value in rule.enum))
    if rule.min is not None and rule.max is not None:
        parts.append(f"{rule.min:.10g} to {rule.max:.10g}")
    if rule.default is not None:
        parts.append(f"default {rule.default}")
    return "; ".join(parts)
