"""What clients read to discover models and their parameters."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

Data = TypeVar("Data")
_WIRE = ConfigDict(frozen=True)


class EnvelopeStatus(BaseModel):
    """The HTTP status, repeated in the body."""

    model_config = _WIRE

    code: int = 200
    message: str = "ok"


class Envelope(BaseModel, Generic[Data]):
    """The envelope of every discovery answer."""

    model_config = _WIRE

    data: Data
    status: EnvelopeStatus = EnvelopeStatus()


class ModelSummary(BaseModel):
    """One model in a list."""

    model_config = _WIRE

    id: str
    name: str
    type: Literal["video"] = "video"
    description: str
    input_modalities: tuple[str, ...]
    output_modalities: tuple[str, ...]


class ModelPage(BaseModel):
    """One page of the list of models."""

    model_config = _WIRE

    models: tuple[ModelSummary, ...]
    total: int
    page: int
    """From 1."""
    page_size: int
    total_pages: int


class Constraints(BaseModel):
    """Bounds of a parameter; members that do not apply are left out."""

    model_config = _WIRE

    enum: list[object] | None = None
    default: object | None = None
    min: float | None = None
    max: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    max_items: int | None = None


class Parameter(BaseModel):
    """One parameter of a model."""

    model_config = _WIRE

    name: str
    path: str
    """Where it stands in the body, e.g. `input[0].params.image_url`."""
    type: str
    required: bool
    description: str
    constraints: Constraints
    example: object | None = None
    children: tuple["Parameter", ...] = ()


class CallDescription(BaseModel):
    """How to call a model."""

    model_config = _WIRE

    endpoint: str
    """Absolute URL of the create call."""
    method: Literal["POST"] = "POST"
    headers: dict[str, str]


class ModelSpec(BaseModel):
    """A model with its parameters, for people and agents."""

    model_config = _WIRE

    model_id: str
    name: str
    vendor: str
    type: Literal["video"] = "video"
    api: CallDescription
    parameters: tuple[Parameter, ...]
    agent_prompt: str
    """A ready text: endpoint, headers, body, parameters, polling."""


class EndpointTemplate(BaseModel):
    """One call of the generation protocol."""

    model_config = _WIRE

    method: str
    path: str


class ContractEndpoints(BaseModel):
    """The calls of the generation protocol."""

    model_config = _WIRE

    submit: EndpointTemplate
    status: EndpointTemplate
    result: EndpointTemplate
    cancel: EndpointTemplate


class ContractExample(BaseModel):
    """A working input."""

    model_config = _WIRE

    name: str
    input: dict[str, object]


class ModelContract(BaseModel):
    """A model with its parameters, for programs."""

    model_config = _WIRE

    schema_version: Literal["model-contract.v1"] = "model-contract.v1"
    revision: str
    """Changes whenever `input_schema` does."""
    model_id: str
    display_name: str
    family: str
    kind: Literal["multimodal"] = "multimodal"
    protocol: Literal["generation"] = "generation"
    body_mode: Literal["generation_wrapper"] = "generation_wrapper"
    endpoints: ContractEndpoints
    input_schema: dict[str, object]
    """JSON Schema of the parameters."""
    examples: tuple[ContractExample, ...]
