"""How a workflow is driven: which input of which node takes the portrait, the recording, the seed and each option.

A mapping is a small JSON file beside the workflow. What it does not say is found by the titles of the nodes (`#image`,
`#audio`, `#seed`, `#prompt`, `#frames`, `#output`), so a workflow with such titles needs no mapping at all.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

_STRICT = ConfigDict(frozen=True, extra="forbid")
ROLE_INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "image": ("image", "value"),
    "audio": ("audio", "value"),
    "seed": ("seed", "noise_seed", "value"),
    "prompt": ("text", "prompt", "positive_prompt", "value", "string"),
    "frames": ("amount", "length", "num_frames", "frames", "value"),
    "seconds": ("duration", "seconds", "value"),
}
"""Names that the input of a role has in the nodes in use; the first that the node has is taken."""
RESERVED: Final = frozenset({"image_url", "audio_url", "seed", "model", "webhook_url"})
"""Parameters of every model: an option cannot have their names."""


def _as_place(value: object) -> object:
    return {"node": value} if isinstance(value, str) else value


class Place(BaseModel):
    """An input of a node."""

    model_config = _STRICT

    node: str
    """The node's id, or its title, which begins with `#`."""
    input: str | None = None
    """By default the one that the role usually has."""


PlaceOrNode = Annotated[Place, BeforeValidator(_as_place)]


class FrameCount(Place):
    """Where the number of frames goes: enough for the whole recording."""

    fps: float = Field(default=25, gt=0, le=240)
    """Frames per second of the workflow; an option called `fps` wins."""
    multiple_of: int = Field(default=1, ge=1)
    plus: int = Field(default=0, ge=0)
    """The number is a multiple of `multiple_of`, plus this: many video networks want 4n + 1."""
    maximum: int = Field(default=1_000_000, ge=1)
    """What the node takes at most."""


class Seed(Place):
    """Where the seed goes."""

    maximum: int = Field(default=2**32 - 1, ge=1)
    """The largest that the node takes; larger ones are folded into its range."""


class MappedOption(Place):
    """A parameter that callers may set."""

    type: Literal["integer", "number", "boolean", "string"]
    default: int | float | bool | str | None = None
    """By default the workflow's own value."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[int | float | str, ...] = ()
    description: str = ""


class Mapping(BaseModel):
    """The mapping file."""

    model_config = _STRICT

    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    """The model's id; by default the file's name."""
    name: str | None = None
    description: str | None = None
    image: PlaceOrNode | None = None
    audio: PlaceOrNode | None = None
    seed: Annotated[Seed, BeforeValidator(_as_place)] | None = None
    prompt: PlaceOrNode | None = None
    seconds: PlaceOrNode | None = None
    frames: Annotated[FrameCount, BeforeValidator(_as_place)] | None = None
    output: str | None = None
    """The node that saves the video, by id or title."""
    compute_units: str | None = None
    """A node whose text output tells what the job cost, by id or title."""
    options: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], MappedOption] = Field(default_factory=dict)


_TYPES: Final[dict[str, type]] = {"integer": int, "number": float, "boolean": bool, "string": str}
_TEXT_CHARACTERS: Final = 4000


def options_model(options: dict[str, MappedOption]) -> type[BaseModel]:
    """The model's `Options`. Every option has a default here."""
    fields: dict[str, Any] = {name: _field(option) for name, option in options.items()}
    made: type[BaseModel] = create_model("Options", __config__=ConfigDict(frozen=True, extra="forbid"), **fields)
    return made


def _field(option: MappedOption) -> tuple[Any, Any]:
    kind: Any = Literal[option.choices] if option.choices else _TYPES[option.type]
    bounds: dict[str, Any] = {}
    if not option.choices and option.type in ("integer", "number"):
        bounds = {"ge": option.minimum, "le": option.maximum}
    if not option.choices and option.type == "string":
        bounds = {"max_length": _TEXT_CHARACTERS}
    return kind, Field(default=option.default, description=option.description, validate_default=True, **bounds)
