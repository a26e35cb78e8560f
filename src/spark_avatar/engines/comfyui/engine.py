"""ComfyUI as an engine: a workflow that somebody's GPUs run."""

from __future__ import annotations

import logging
import math
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from spark_avatar.engines.comfyui.client import Refused, RemoteFile
from spark_avatar.engines.comfyui.configuration import ENGINE_PREFIX
from spark_avatar.engines.comfyui.job import RemoteJob, TryElsewhere
from spark_avatar.engines.comfyui.outcome import Success, read_outcome, reported_units
from spark_avatar.engines.comfyui.pool import FAULTS, Server, ServerPool
from spark_avatar.engines.comfyui.workflow import JobValues, Workflow
from spark_avatar.engines.engine import RenderJob, RenderMonitor, Rendition, Speech
from spark_avatar.engines.finished_video import TakenVideo, take_over
from spark_avatar.engines.quality import JOB_REPEATED
from spark_avatar.engines.remote_inputs import InputFile, prepare_inputs
from spark_avatar.engines.stages import MonitorSpan
from spark_avatar.engines.transport import Malformed, Unreachable
from spark_avatar.errors import (
    InvalidOptions,
    RemoteStatusError,
    ResultParsingError,
    SparkAvatarError,
    TaskCreationError,
)

MAX_RESULT_BYTES: Final = 2 * 1024**3
_DOWNLOAD_SECONDS: Final = 600.0
_DOWNLOAD_TRIES: Final = 3
_CANDIDATES: Final = 3
_UPLOADED, _EXECUTED, _FETCHED = 0.05, 0.9, 0.95

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Delivery:
    """What a server made."""

    server: Server
    prompt_id: str
    success: Success
    video: TakenVideo
    timings: dict[str, float]


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

        A job that no server has begun may go from server to server; one that may have run is run a second time only when
        its server is gone, and the result says so. Raises `TaskCreationError` (003016099), `StatusCheckError` (098),
        `RemoteStatusError` (097), `ResultParsingError` (096), `GenerationError` (095), and what the monitor raises; then
        the job is cancelled on its server.
        """
        if not isinstance(job.motion, Speech):
            raise InvalidOptions("A ComfyUI workflow needs a recording, not a track.")
        deadline = time.monotonic() + self._pool.config.job_seconds
        monitor.progress(0.0, "preparing")
        inputs = prepare_inputs(job.portrait, job.motion, job.workdir)
        avoid: list[Server] = []
        first: SparkAvatarError | None = None
        repeated = False
        while True:
            try:
                with self._pool.place(self._workflow, checkpoint=monitor.checkpoint, deadline=deadline, avoid=avoid) as server:
                    avoid.append(server)
                    delivery = self._deliver(server, job, job.motion, inputs, monitor, deadline)
                return self._rendition(delivery, job, repeated=repeated)
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

    def _deliver(
        self,
        server: Server,
        job: RenderJob,
        speech: Speech,
        inputs: tuple[InputFile, InputFile],
        monitor: RenderMonitor,
        deadline: float,
    ) -> _Delivery:
        config, started = self._pool.config, time.perf_counter()
        monitor.progress(0.0, "uploading")
        token = uuid.uuid4().hex
        image, audio = self._upload(server, inputs, token)
        monitor.checkpoint()
        values = JobValues(image, audio, job.seed, speech.facts.seconds, job.options.model_dump(), f"spark-avatar/{token}")
        graph = self._workflow.fill(values)
        uploaded = time.perf_counter()
        remote = RemoteJob(server, deadline=deadline, poll_seconds=config.poll_seconds, silent_seconds=config.silent_seconds)
        try:
            record = remote.run(graph, self._workflow.output, MonitorSpan(monitor, _UPLOADED, _EXECUTED))
        except TryElsewhere as fault:
            server.forget()
            if fault.servers_fault:
                server.breaker.failed()
            raise
        server.breaker.succeeded()
        success = read_outcome(record, self._workflow.output)
        executed = time.perf_counter()
        monitor.progress(_EXECUTED, "downloading")
        video = _fetch_video(server, success, job.workdir, speech, monitor)
        timings = {
            "upload": uploaded - started,
            "remote": executed - uploaded,
            "remote_execution": success.seconds,
            "download": time.perf_counter() - executed,
        }
        return _Delivery(server, remote.prompt_id, success, video, timings)

    def _upload(self, server: Server, inputs: tuple[InputFile, InputFile], token: str) -> tuple[str, str]:
        try:
            image, audio = inputs
            return _upload(server, image, token), _upload(server, audio, token)
        except TryElsewhere:
            server.breaker.failed()
            raise

    def _rendition(self, delivery: _Delivery, job: RenderJob, *, repeated: bool) -> Rendition:
        facts, units = delivery.video.facts, None
        if self._workflow.compute_units is not None:
            units = reported_units(delivery.success.outputs, self._workflow.compute_units)
        if units is None:
            units = math.ceil(delivery.success.seconds * delivery.server.address.rate)
        remote: dict[str, Any] = {"job_id": delivery.prompt_id, "seconds": round(delivery.success.seconds, 3)}
        return Rendition(
            path=delivery.video.path,
            seconds=facts.seconds,
            frames=facts.frames,
            frame_rate=facts.frame_rate,
            width=facts.width,
            height=facts.height,
            engine=self.name,
            seed=job.seed,
            compute_units=units,
            timings=delivery.timings,
            job_id=delivery.prompt_id,
            diagnostics={"remote": remote},
            warnings=delivery.video.warnings + ((JOB_REPEATED,) if repeated else ()),
        )


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


def _fetch_video(server: Server, success: Success, workdir: Path, speech: Speech, monitor: RenderMonitor) -> TakenVideo:
    """The first of the listed videos that is one."""
    failure: SparkAvatarError | None = None
    for number, file in enumerate(success.videos[:_CANDIDATES]):
        source = workdir / f"remote-{number}"
        try:
            _fetch(server, file, source, monitor)
            monitor.progress(_FETCHED, "checking")
            return take_over(source, workdir / "comfyui.mp4", speech)
        except (ResultParsingError, RemoteStatusError) as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _fetch(server: Server, file: RemoteFile, target: Path, monitor: RenderMonitor) -> None:
    """Downloads a result, several times if need be. Raises `RemoteStatusError`, `ResultParsingError`."""
    failure: SparkAvatarError | None = None
    for number in range(_DOWNLOAD_TRIES):
        if number:
            time.sleep(0.5 * number)
        try:
            status = server.client.view(
                file, target, limit=MAX_RESULT_BYTES, seconds=_DOWNLOAD_SECONDS, checkpoint=monitor.checkpoint
            )
        except Malformed as fault:
            raise ResultParsingError(f"The ComfyUI server's video cannot be taken: {fault}.") from fault
        except Unreachable as fault:
            text = f"The video could not be fetched from ComfyUI server {server.number}: {fault}."
            failure = ResultParsingError(text) if target.exists() else RemoteStatusError(text)
            continue
        if 200 <= status < 300:
            return
        failure = RemoteStatusError(
            f"ComfyUI server {server.number} answered HTTP {status} when the video was fetched.", facts={"status": status}
        )
        if status < 500:
            break
    assert failure is not None
    raise failure
