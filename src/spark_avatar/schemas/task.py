"""The task object of the wire, as strictly typed clients decode it. Absent members are left out, never sent as null."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class ContentView(BaseModel):
    """One finished file."""

    model_config = _WIRE

    type: Literal["video"] = "video"
    url: str
    size: int
    """Bytes."""
    job_id: str = Field(serialization_alias="jobId")
    """The engine's own id of the job."""
    duration: str
    """Seconds, as text: clients decode a string here, and a number makes one of them poll until it times out."""


class OutputView(BaseModel):
    """The files of one output."""

    model_config = _WIRE

    content: tuple[ContentView, ...]


class UsageView(BaseModel):
    """What a completed task cost."""

    model_config = _WIRE

    cost: str
    """US dollars as a plain decimal, never empty."""
    discount: float
    input_tokens: Literal[0] = 0
    output_tokens: Literal[0] = 0
    total_tokens: int
    """The compute units that the engine spent."""
    generated_videos: int
    generated_images: int


class ErrorView(BaseModel):
    """Why a task failed; both texts are the same, since clients read one or the other."""

    model_config = _WIRE

    code: str
    error_message: str
    message: str


class ProgressView(BaseModel):
    """How far a task is, for those who watch it."""

    model_config = _WIRE

    id: str
    status: Literal["in_progress", "completed", "failed"]
    progress: float = Field(ge=0, le=1)
    stage: str
    """What is being done, in a word or two."""


class TaskView(BaseModel):
    """A task as `GET /model/v1/generation/task/{id}` answers it."""

    model_config = _WIRE

    id: str
    model: str
    created_at: int
    """Unix seconds."""
    status: Literal["in_progress", "completed", "failed"]
    progress: float | None = Field(default=None, ge=0, le=1)
    """While in progress; a queued task has 0."""
    output: tuple[OutputView, ...] | None = None
    """Completed only."""
    usage: UsageView | None = None
    """Completed only."""
    error: ErrorView | None = None
    """Failed only."""
    metadata: dict[str, object]
    """`upload_at`, `in_queue_at`, `completed_at` in seconds since creation, then diagnostics, warnings, engine, seed, ignored."""

    def to_json(self) -> bytes:
        """The JSON document, as UTF-8."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)


class TaskListView(BaseModel):
    """A part of the list of the account's tasks, newest first."""

    model_config = _WIRE

    tasks: tuple[TaskView, ...]
    has_more: bool
    next: str | None = None
    """What to send as `after` for the next part; only where there is one."""

    def to_json(self) -> bytes:
        """The JSON document, as UTF-8."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)
