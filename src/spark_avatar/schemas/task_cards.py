"""Tasks as their owners look at them: more than the contract's object tells, and of every status."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_WIRE = ConfigDict(frozen=True)


class CardError(BaseModel):
    """Why a task failed."""

    model_config = _WIRE

    code: str
    message: str


class TaskCard(BaseModel):
    """A task in a list. Times are Unix seconds."""

    model_config = _WIRE

    id: str
    model: str
    engine: str
    status: Literal["queued", "running", "completed", "failed"]
    progress: float
    stage: str
    created_at: float
    started_at: float | None = None
    """When a worker first took it."""
    ended_at: float | None = None
    seconds: float | None = None
    """Of finished video."""
    width: int | None = None
    """Pixels of the finished video."""
    height: int | None = None
    cost: str | None = None
    key_id: str
    key_name: str
    image_name: str | None = None
    """What the portrait is called, where that is known: an upload's name follows the `#` of its address."""
    audio_name: str | None = None
    thumbnail_url: str | None = None
    preview_url: str | None = None
    error: CardError | None = None
    warnings: int = 0


class TaskCards(BaseModel):
    """A part of the list, newest first."""

    model_config = _WIRE

    tasks: tuple[TaskCard, ...]
    has_more: bool
    next: str | None = None
    """What to send as `after` for the next part; only where there is one."""


class InputView(BaseModel):
    """One input of a task."""

    model_config = _WIRE

    url: str
    """A new link where the file lies here, else the address as it was given."""
    stored: bool
    available: bool
    """False for a file of ours that has been removed since."""


class InputsView(BaseModel):
    """Both inputs."""

    model_config = _WIRE

    image: InputView
    audio: InputView


class TaskDetail(TaskCard):
    """Everything about one task."""

    inputs: InputsView
    options: dict[str, object]
    """Those that were given."""
    attempts: int
    position: int
    """How many tasks come first; 0 for a task that does not wait."""
    request_id: str
    webhook_url: str | None = None
    task: dict[str, object]
    """The task object of the wire."""


class ShareRequest(BaseModel):
    """For how long a video is shared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: float = Field(default=24, gt=0, le=24 * 30)


class ShareLink(BaseModel):
    """A link that needs no key."""

    model_config = _WIRE

    url: str
    expires_at: int
    """Unix seconds."""
