"""How the server stands, on the wire."""

from pydantic import BaseModel, ConfigDict

_WIRE = ConfigDict(frozen=True)


class QueueView(BaseModel):
    """The tasks of all accounts."""

    model_config = _WIRE

    queued: int
    running: int
    completed: int
    failed: int
    oldest_queued_seconds: float
    failures_by_code: dict[str, int]
    queued_by_engine: dict[str, int]


class WorkerView(BaseModel):
    """A worker process. Times are ages in seconds."""

    model_config = _WIRE

    name: str
    host: str
    pid: int
    version: str
    state: str
    silent: bool
    """Whether it is probably dead."""
    engines: tuple[str, ...]
    """What it can run; empty for everything."""
    task_id: str | None = None
    busy_seconds: float
    started_ago: float
    seen_ago: float


class EngineView(BaseModel):
    """What a remote engine answered."""

    model_config = _WIRE

    engine: str
    server: str
    fine: bool
    detail: str


class SystemView(BaseModel):
    """One look at everything."""

    model_config = _WIRE

    checks: dict[str, bool]
    queue: QueueView
    workers: tuple[WorkerView, ...]
    facts: dict[str, str]


class EngineFindings(BaseModel):
    """The answers of all remote engines."""

    model_config = _WIRE

    engines: tuple[EngineView, ...]
