"""What the queue protocol's clients decode. Absent members are left out, never sent as null."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from spark_avatar.schemas.problem import ErrorBody
from spark_avatar.schemas.task import UsageView

_WIRE = ConfigDict(frozen=True, strict=True, extra="forbid")


class QueueSubmitted(BaseModel):
    """The answer to a submission. Addresses are absolute."""

    model_config = _WIRE

    request_id: str
    response_url: str
    status_url: str
    cancel_url: str
    queue_position: int
    """How many requests come before this one."""


class QueueLog(BaseModel):
    """One line of what happened."""

    model_config = _WIRE

    timestamp: str
    """ISO 8601, UTC."""
    level: Literal["INFO", "ERROR"] = "INFO"
    message: str


class QueueMetrics(BaseModel):
    """Measured when the request has ended."""

    model_config = _WIRE

    inference_time: float
    """Seconds from the first worker's start to the end."""


class QueueStatus(BaseModel):
    """Where a request stands. A failure is `COMPLETED` with an error."""

    model_config = _WIRE

    request_id: str
    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    queue_position: int
    """0 once it has left the queue."""
    logs: tuple[QueueLog, ...]
    response_url: str
    status_url: str
    cancel_url: str
    metrics: QueueMetrics | None = None
    error: str | None = None
    error_type: str | None = None
    """The code of the failure."""


class QueueOutput(BaseModel):
    """One finished file."""

    model_config = _WIRE

    type: Literal["video"] = "video"
    url: str
    job_id: str = Field(serialization_alias="jobId")
    content_type: str
    file_name: str
    file_size: int
    """Bytes."""
    width: int
    height: int
    duration: float
    """Seconds; a number here."""


class QueueResult(BaseModel):
    """The end of a request: its outputs, or why there are none."""

    model_config = _WIRE

    request_id: str
    status: Literal["COMPLETED"] = "COMPLETED"
    outputs: tuple[QueueOutput, ...]
    usage: UsageView | None = None
    """Absent when it failed."""
    metadata: dict[str, object]
    error: str | None = None
    error_type: str | None = None


class QueueCancel(BaseModel):
    """The answer to a cancellation."""

    model_config = _WIRE

    status: Literal["CANCELLATION_REQUESTED"] = "CANCELLATION_REQUESTED"


class AlreadyCompleted(ErrorBody):
    """The refusal of a cancellation that comes too late."""

    status: Literal["ALREADY_COMPLETED"] = "ALREADY_COMPLETED"
