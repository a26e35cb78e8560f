"""ComfyUI as an engine: a workflow that somebody's GPUs run."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from spark_avatar.engines.comfyui.client import Refused
from spark_avatar.engines.comfyui.configuration import ENGINE_PREFIX
from spark_avatar.engines.comfyui.job import RemoteJob, TryElsewhere
from spark_avatar.engines.comfyui.notes import JobNote, JobNotes
from spark_avatar.engines.comfyui.outcome import Success, read_outcome, reported_units
from spark_avatar.engines.comfyui.pool import FAULTS, Server, ServerPool
from spark_avatar.engines.comfyui.workflow import JobValues, Workflow
from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.engines.finished_video import TakenVideo, fetch, take_over
from spark_avatar.engines.remote_inputs import InputFile, prepare_inputs
from spark_avatar.engines.stages import MonitorSpan
from spark_avatar.engines.transport import Malformed, Unreachable
from spark_avatar.errors import (
    InvalidOptions,
    RemoteStatusError,
    ResultParsingError,
    SparkAvatarError,
    StatusCheckError,
    TaskCreationError,
)

_CANDIDATES: Final = 3
_UPLOADED, _EXECUTED, _FETCHED = 0.05, 0.9, 0.95

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Attempt:
    """One render."""

    job: RenderJob
    speech: Speech
    monitor: RenderMonitor
    notes: JobNotes
    deadline: float


class ComfyEngine:
    """One workflow on a pool of servers."""

    def __init__(self, workflow: Workflow, pool: ServerPool) -> None:
        self.name = ENGINE_PREFIX + workflow.id
        self.Options: type[BaseModel] = workflow.Options
        self._workflow = workflow
        self._pool = pool

    def warm_up(self) -> None:
        """Logs which servers cannot run the workflow. A server that is away now may be back for the first job."""
        for server in self._pool.servers:
            extra: dict[str, object] = {"server": server.address.url, "workflow": self._workflow.id}
            try:
                report = server.check(self._workflow)
            except FAULTS as fault:
                _log.warning("a ComfyUI server does not answer", extra={**extra, "fault": str(fault)})
                continue
            if not report.fine:
                _log.warning("a ComfyUI server cannot run a workflow", extra={**extra, "report": report.text()})

    def render(self, job: RenderJob, monitor: RenderMonitor) -> Rendition:
        """Has the video made, and verifies it.

        A job that an earlier attempt handed over is taken up. One that no server has begun may go from server to server;
        one that may have run is run a second time only when its server is gone or has lost it, and the result says so.
        Raises `TaskCreationError` (003016099), `StatusCheckError` (098), `RemoteStatusError` (097), `ResultParsingError`
        (096), `GenerationError` (095), and what the monitor raises; then the job is cancelled on its server, unless another
        attempt follows.
        """
        if not isinstance(job.motion, Speech):
            raise InvalidOptions("A ComfyUI workflow needs a recording, not a track.")
        deadline = time.monotonic() + self._pool.config.job_seconds
        attempt = _Attempt(job, job.motion, monitor, JobNotes(job.notebook, self.name), deadline)
        monitor.progress(0.0, "preparing")
        earlier = attempt.notes.read()
        if earlier is None:
            return self._begin(attempt, None, repeated=False)
        try:
            return self._resume(attempt, earlier)
        except TryElsewhere as fault:
            if earlier.repeated:
                raise fault.error from fault
            _log.warning("a ComfyUI job of an earlier attempt is lost", extra={"reason": fault.error.message})
            return self._begin(attempt, fault.error, repeated=True)

    def _begin(self, attempt: _Attempt, first: SparkAvatarError | None, *, repeated: bool) -> Rendition:
        """Tries server after server. `first` is why the task has no video yet, if it was tried before."""
        inputs = prepare_inputs(attempt.job.portrait, attempt.speech, attempt.job.workdir)
        avoid: list[Server] = []
        while True:
            try:
                with self._pool.place(
                    self._workflow, checkpoint=attempt.monitor.checkpoint, deadline=attempt.deadline, avoid=avoid
                ) as server:
                    avoid.append(server)
                    return self._deliver(attempt, server, inputs, repeated=repeated)
            except TryElsewhere as fault:
                first = fault.error if first is None or fault.may_have_run else first
                if fault.may_have_run and repeated:
                    raise fault.error from fault
                repeated = repeated or fault.may_have_run
                _log.warning("a ComfyUI job needs another server", extra={"reason": fault.error.message})
            except TaskCreationError:
                if first is None:
                    raise
                raise first from None

    def _resume(self, attempt: _Attempt, note: JobNote) -> Rendition:
        """Takes up a job that is on a server already; it needs no place there, as it has one in the server's queue."""
        server = self._pool.server(note.server)
        if server is None:
            raise TryElsewhere(StatusCheckError("The ComfyUI server that had the job is not in use any more."), may_have_run=True)
        _log.info("taking up a ComfyUI job", extra={"job": note.prompt_id, "server": server.address.url})
        remote, started = self._remote_job(attempt, server, note), time.perf_counter()
        record = remote.resume(len(self._workflow.graph), MonitorSpan(attempt.monitor, _UPLOADED, _EXECUTED))
        return self._collect(attempt, server, remote.prompt_id, record, {"remote": time.perf_counter() - started}, note.repeated)

    def _deliver(self, attempt: _Attempt, server: Server, inputs: tuple[InputFile, InputFile], *, repeated: bool) -> Rendition:
        job, monitor, started = attempt.job, attempt.monitor, time.perf_counter()
        monitor.progress(0.0, "uploading")
        token = uuid.uuid4().hex
        image, audio = self._upload(server, inputs, token)
        monitor.checkpoint()
        seconds = attempt.speech.facts.seconds
        graph = self._workflow.fill(JobValues(image, audio, job.seed, seconds, job.options.model_dump(), f"spark-avatar/{token}"))
        uploaded = time.perf_counter()
        remote = self._remote_job(attempt, server, JobNote.new(server.address.url, repeated=repeated))
        try:
            record = remote.run(graph, self._workflow.output, MonitorSpan(monitor, _UPLOADED, _EXECUTED))
        except TryElsewhere as fault:
            server.forget()
            if fault.servers_fault:
                server.breaker.failed()
            raise
        server.breaker.succeeded()
        timings = {"upload": uploaded - started, "remote": time.perf_counter() - uploaded}
        return self._collect(attempt, server, remote.prompt_id, record, timings, repeated)

    def _remote_job(self, attempt: _Attempt, server: Server, note: JobNote) -> RemoteJob:
        config = self._pool.config
        return RemoteJob(
            server,
            note,
            attempt.notes,
            deadline=attempt.deadline,
            poll_seconds=config.poll_seconds,
            silent_seconds=config.silent_seconds,
        )

    def _collect(
        self,
        attempt: _Attempt,
        server: Server,
        prompt_id: str,
        record: Mapping[str, Any],
        timings: dict[str, float],
        repeated: bool,
    ) -> Rendition:
        """The video of a job that has ended."""
        success = read_outcome(record, self._workflow.output)
        ended = time.perf_counter()
        attempt.monitor.progress(_EXECUTED, "downloading")
        video = _take_video(server, success, attempt)
        units = None
        if self._workflow.compute_units is not None:
            units = reported_units(success.outputs, self._workflow.compute_units)
        if units is None:
            units = math.ceil(success.seconds * server.address.rate)
        return video.rendition(
            attempt.job,
            engine=self.name,
            job_id=prompt_id,
            compute_units=units,
            timings={**timings, "remote_execution": success.seconds, "download": time.perf_counter() - ended},
            diagnostics={"remote": {"job_id": prompt_id, "seconds": round(success.seconds, 3)}},
            repeated=repeated,
        )

    def _upload(self, server: Server, inputs: tuple[InputFile, InputFile], token: str) -> tuple[str, str]:
        try:
            image, audio = inputs
            return _upload(server, image, token), _upload(server, audio, token)
        except TryElsewhere:
            server.breaker.failed()
            raise


def _upload(server: Server, file: InputFile, token: str) -> str:
    """The name of the uploaded file. Nothing has run yet, so any fault may be tried elsewhere."""
    try:
        return server.client.upload(file.path, f"spark-avatar-{token}{file.path.suffix}", file.media_type)
    except Refused as refused:
        error: SparkAvatarError = RemoteStatusError(
            f"ComfyUI server {server.number} refused the upload with HTTP {refused.reply.status}.",
            facts={"status": refused.reply.status},
        )
        raise TryElsewhere(error, may_have_run=False) from refused
    except Unreachable as fault:
        error = TaskCreationError(f"The inputs could not be handed to ComfyUI server {server.number}: {fault}.")
        raise TryElsewhere(error, may_have_run=False) from fault
    except Malformed as fault:
        error = TaskCreationError(f"ComfyUI server {server.number} answered the upload in a way that cannot be read: {fault}.")
        raise TryElsewhere(error, may_have_run=False) from fault


def _take_video(server: Server, success: Success, attempt: _Attempt) -> TakenVideo:
    """The first of the listed videos that is one."""
    workdir, monitor = attempt.job.workdir, attempt.monitor
    failure: SparkAvatarError | None = None
    for number, file in enumerate(success.videos[:_CANDIDATES]):
        source, client = workdir / f"remote-{number}", server.client
        whom = f"ComfyUI server {server.number}"
        try:
            fetch(client.transport, client.view_path(file), source, whom=whom, checkpoint=monitor.checkpoint)
            monitor.progress(_FETCHED, "checking")
            return take_over(source, workdir / "comfyui.mp4", attempt.speech, attempt.job.mark)
        except (ResultParsingError, RemoteStatusError) as error:
            failure = failure or error
    assert failure is not None
    raise failure
