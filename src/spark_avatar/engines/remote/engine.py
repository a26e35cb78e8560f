"""Another server of our own contract as an engine: ours on another machine, or the hosted one."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.engines.finished_video import take_over
from spark_avatar.engines.remote.client import (
    Busy,
    Polling,
    RemoteClient,
    RemoteResult,
    read_result,
    task_error,
    wait,
)
from spark_avatar.engines.remote.configuration import NAME, RemoteConfiguration
from spark_avatar.engines.remote.options import Options
from spark_avatar.engines.remote_inputs import prepare_inputs
from spark_avatar.engines.transport import Malformed, Transport, Unreachable
from spark_avatar.errors import InvalidOptions, StatusCheckError

MAX_RESULT_BYTES: Final = 2 * 1024**3
_DOWNLOAD_SECONDS: Final = 600.0
_CREATED, _RENDERED, _FETCHED = 0.05, 0.9, 0.95

_log = logging.getLogger(__name__)


class RemoteEngine:
    """Sends jobs to another server."""

    name = NAME
    Options: type[BaseModel] = Options

    def __init__(self, config: RemoteConfiguration) -> None:
        self._config = config
        self._transport = Transport(config.url, {"Authorization": f"Bearer {config.key}"})

    def warm_up(self) -> None:
        """Does nothing: all that is slow is on the other side."""

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """Has the video made by the other server, and verifies it.

        Raises the error that the server reports, with its code; `TaskCreationError` (003016099), `StatusCheckError` (098),
        `RemoteStatusError` (097) and `ResultParsingError` (096) for faults on the way; and what the monitor raises: then the
        task is cancelled there.
        """
        if not isinstance(job.motion, Speech):
            raise InvalidOptions("A remote server needs a recording, not a track.")
        started = time.perf_counter()
        monitor.progress(0.0, "uploading")
        client = RemoteClient(self._transport, self._config.model, partial(wait, checkpoint=monitor.checkpoint))
        inputs = prepare_inputs(job.portrait, job.motion, job.workdir)
        image_url, audio_url = (client.upload(file) for file in inputs)
        given = job.options.model_dump(mode="json", include=job.options.model_fields_set)
        params = {"image_url": image_url, "audio_url": audio_url, "seed": job.seed, **given}
        task_id = client.create(params, key=uuid.uuid4().hex)
        created = time.perf_counter()
        result = self._follow(client, task_id, monitor)
        rendered = time.perf_counter()
        monitor.progress(_RENDERED, "downloading")
        source = job.workdir / "remote-video"
        client.download(result.url, source, limit=MAX_RESULT_BYTES, seconds=_DOWNLOAD_SECONDS, checkpoint=monitor.checkpoint)
        monitor.progress(_FETCHED, "checking")
        taken = take_over(source, job.workdir / "remote.mp4", job.motion)
        facts, fetched = taken.facts, time.perf_counter()
        return Rendition(
            path=taken.path,
            seconds=facts.seconds,
            frames=facts.frames,
            frame_rate=facts.frame_rate,
            width=facts.width,
            height=facts.height,
            engine=self.name,
            seed=job.seed,
            compute_units=result.compute_units,
            timings={"upload": created - started, "remote": rendered - created, "download": fetched - rendered},
            job_id=task_id,
            diagnostics=_diagnostics(result, task_id),
            warnings=taken.warnings,
        )

    def _follow(self, client: RemoteClient, task_id: str, monitor: RenderMonitor) -> RemoteResult:
        """Polls to the end; whatever ends it early cancels the task."""
        ended = False
        try:
            task = self._poll(client, task_id, monitor)
            ended = True
        finally:
            if not ended:
                _cancel(client, task_id)
        if task["status"] == "failed":
            raise task_error(task)
        return read_result(task)

    def _poll(self, client: RemoteClient, task_id: str, monitor: RenderMonitor) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._config.job_seconds
        polling = Polling(self._config.poll_seconds, 10 * self._config.poll_seconds)
        pause = self._config.poll_seconds
        while True:
            client.pause(pause)
            if time.monotonic() > deadline:
                raise StatusCheckError("The task took longer than it may on the remote server, and was cancelled there.")
            try:
                task = client.look(task_id)
            except (Unreachable, Malformed, Busy) as fault:
                pause = polling.failed(fault)
                continue
            if task["status"] != "in_progress":
                return task
            progress = task.get("progress")
            done = min(1.0, max(0.0, progress)) if isinstance(progress, (int, float)) else 0.0
            monitor.progress(_CREATED + (_RENDERED - _CREATED) * done, "rendering")
            pause = polling.succeeded()


def _cancel(client: RemoteClient, task_id: str) -> None:
    """Frees the other server. The reason why the job ends is more important than a fault in this."""
    try:
        client.cancel(task_id)
    except (Unreachable, Malformed) as fault:
        _log.warning("a remote task could not be cancelled", extra={"job": task_id, "fault": str(fault)})


def _diagnostics(result: RemoteResult, task_id: str) -> dict[str, object]:
    """What the other server measured, and what it charges: kept beside our own usage, not mixed with it."""
    found: dict[str, object] = {name: result.metadata[name] for name in ("face", "audio") if name in result.metadata}
    remote = {"job_id": task_id, "usage": dict(result.usage), "warnings": result.metadata.get("warnings", [])}
    return {**found, "remote": {**remote, "engine": result.metadata.get("engine")}}
