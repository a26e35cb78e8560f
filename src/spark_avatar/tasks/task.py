"""A task: what was asked, where it stands, what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from spark_avatar.schemas.identity import AccountId as AccountId
from spark_avatar.schemas.identity import TaskId as TaskId

THUMBNAIL: Final = "thumbnail"
"""Names in a completed task's metadata the key of a picture that stands for the video."""
PREVIEW: Final = "preview"
"""The same for its first seconds as a small animation."""


class TaskStatus(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED)


LEGAL_MOVES: Final = frozenset(
    {
        (TaskStatus.QUEUED, TaskStatus.RUNNING),  # claimed by a worker
        (TaskStatus.QUEUED, TaskStatus.FAILED),  # cancelled, or out of attempts
        (TaskStatus.RUNNING, TaskStatus.QUEUED),  # handed back: the worker drains or died
        (TaskStatus.RUNNING, TaskStatus.COMPLETED),
        (TaskStatus.RUNNING, TaskStatus.FAILED),
    }
)


@dataclass(frozen=True)
class Claim:
    """A worker's right to run a task, until it lapses. A later claim of the same task makes an earlier one void."""

    worker: str
    attempt: int
    """1 for the first run of the task."""
    lease_until: datetime


@dataclass(frozen=True)
class TaskRequest:
    """What was asked, as it came in."""

    model: str
    image_url: str
    audio_url: str
    options: dict[str, object] = field(default_factory=dict)
    """Validated options of the engine."""
    background_url: str = ""
    """The picture behind the person; empty for none."""
    webhook_url: str = ""
    """Who is told of the end; empty for nobody."""
    label: bool = False
    """Whether the video shows that it was generated."""
    ignored: tuple[str, ...] = ()
    """Names of members and params that this server does not know."""


@dataclass(frozen=True)
class TaskOutput:
    """One finished file in storage."""

    key: str
    media_type: str
    size: int
    job_id: str
    seconds: float
    width: int
    height: int


@dataclass(frozen=True)
class TaskUsage:
    """What the task cost."""

    cost: str
    """US dollars as a plain decimal, e.g. `0.0420`."""
    discount: float
    compute_units: int


@dataclass(frozen=True)
class TaskFailure:
    """Why a task failed."""

    code: str
    message: str


@dataclass(frozen=True)
class Task:
    """The record of one generation. All times are in UTC."""

    id: TaskId
    account_id: AccountId
    key_id: str
    request: TaskRequest
    created_at: datetime
    request_id: str = ""
    engine: str = ""
    """Name of the engine that runs it; empty where an earlier release stored the task: any worker may then try."""
    status: TaskStatus = TaskStatus.QUEUED
    progress: float = 0.0
    """0..1, never goes back."""
    stage: str = "queued"
    attempts: int = 0
    claim: Claim | None = None
    uploaded_at: datetime | None = None
    """When the inputs had been fetched."""
    started_at: datetime | None = None
    """When a worker first claimed it."""
    ended_at: datetime | None = None
    outputs: tuple[TaskOutput, ...] = ()
    usage: TaskUsage | None = None
    failure: TaskFailure | None = None
    metadata: dict[str, object] = field(default_factory=dict)
    """Diagnostics, warnings, engine, seed."""

    @property
    def seed(self) -> int | None:
        """What was settled when the task was made."""
        seed = self.metadata.get("seed")
        return seed if isinstance(seed, int) else None
