"""Another server of our own contract as an engine: ours on another machine, or the hosted one."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.engines.finished_video import fetch, take_over
from spark_avatar.engines.remote.client import (
    Busy,
    Polling,
    RemoteClient,
    RemoteResult,
    TaskForgotten,
    read_result,
    task_error,
)
from spark_avatar.engines.remote.configuration import NAME, RemoteConfiguration
from spark_avatar.engines.remote.options import Options
from spark_avatar.engines.remote_inputs import prepare_inputs
from spark_avatar.engines.transport import Malformed, Transport, Unreachable, wait
from spark_avatar.errors import InvalidOptions, StatusCheckError

_CREATED, _RENDERED, _FETCHED = 0.05, 0.9, 0.95

_log = logging.getLogger(__name__)


class RemoteEngine:
    """Sends jobs to another server."""

    name = NAME
    Options: type[BaseModel] = Options

    def __init__(self, config: RemoteConfiguration) -> None:
        self._config = config
        self._transport = Transport(config.url, {"Authorization": f"Bearer {config.key}"}, reach=config.reach)

    def warm_up(self) -> None:
        """Does nothing: all that is slow is on the other side."""

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """Has the video made by the other server, and verifies it.

        A task that an earlier attempt made there is taken up; when that server has forgotten it, it is made again, and the
        result says so. Raises the error that the server reports, with its code; `TaskCreationError` (003016099),
        `StatusCheckError` (098), `RemoteStatusError` (097) and `ResultParsingError` (096) for faults on the way; and what
        the monitor raises: then the task is cancelled there, unless another attempt follows.
        """
        if not isinstance(job.motion, Speech):
            raise InvalidOptions("A remote server needs a recording, not a track.")
        client = RemoteClient(self._transport, self._config.model, partial(wait, checkpoint=monitor.checkpoint))
        note = dict(job.notebook.read(self.name))
        if note.get("server") != self._config.url:
            return self._make(client, job, job.motion, monitor, repeated=bool(note))
        if "task" not in note:  # nobody knows whether it was made: where the key counts, this makes no second one
            return self._submit(client, job, job.motion, monitor, {**note, "repeated": "yes"})
        try:
            return self._finish(client, job, job.motion, monitor, note)
        except TaskForgotten as fault:
            if note["repeated"]:
                raise
            _log.warning("the task of an earlier attempt is lost", extra={"job": note["task"], "fault": fault.message})
            return self._make(client, job, job.motion, monitor, repeated=True)

    def _make(self, client: RemoteClient, job: RenderJob, speech: Speech, monitor: RenderMonitor, *, repeated: bool) -> Rendition:
        monitor.progress(0.0, "uploading")
        image_url, audio_url = (client.upload(file) for file in prepare_inputs(job.portrait, speech, job.workdir))
        note = {"server": self._config.url, "key": uuid.uuid4().hex, "image": image_url, "audio": audio_url}
        return self._submit(client, job, speech, monitor, {**note, "repeated": "yes" if repeated else ""})

    def _submit(
        self, client: RemoteClient, job: RenderJob, speech: Speech, monitor: RenderMonitor, note: Mapping[str, str]
    ) -> Rendition:
        job.notebook.write(self.name, note)  # before the other server knows: a worker that dies in between leaves its key
        given = job.options.model_dump(mode="json", include=job.options.model_fields_set)
        params = {"image_url": note["image"], "audio_url": note["audio"], "seed": job.seed, **given}
        task_id = client.create(params, key=note["key"])
        return self._finish(client, job, speech, monitor, {**note, "task": task_id})

    def _finish(
        self, client: RemoteClient, job: RenderJob, speech: Speech, monitor: RenderMonitor, note: Mapping[str, str]
    ) -> Rendition:
        """Follows the task that the note names, and takes its video over."""
        started, task_id = time.perf_counter(), note["task"]
        result = self._follow(client, job, monitor, note)
        rendered = time.perf_counter()
        monitor.progress(_RENDERED, "downloading")
        source = job.workdir / "remote-video"
        fetch(self._transport, result.url, source, whom="the remote server", checkpoint=monitor.checkpoint)
        monitor.progress(_FETCHED, "checking")
        taken = take_over(source, job.workdir / "remote.mp4", speech, job.mark)
        return taken.rendition(
            job,
            engine=self.name,
            job_id=task_id,
            compute_units=result.compute_units,
            timings={"remote": rendered - started, "download": time.perf_counter() - rendered},
            diagnostics=_diagnostics(result, task_id),
            repeated=bool(note["repeated"]),
        )

    def _follow(self, client: RemoteClient, job: RenderJob, monitor: RenderMonitor, note: Mapping[str, str]) -> RemoteResult:
        """Polls to the end; whatever ends it early cancels the task, unless another attempt will take it up."""
        try:
            job.notebook.write(self.name, note)
            task = self._poll(client, note["task"], monitor)
        except BaseException as error:
            if not job.notebook.continues(error):
                _cancel(client, note["task"])
            raise
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
