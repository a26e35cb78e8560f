"""Runs one claimed task in a worker process: fetch, render, store, end."""

import logging
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from spark_avatar import tracing
from spark_avatar.engines.engine import Rendition
from spark_avatar.errors import ConfigurationError, GenerationError, SparkAvatarError
from spark_avatar.media.audio import probe_audio
from spark_avatar.media.image import shrink_image
from spark_avatar.pipeline import Pipeline
from spark_avatar.provenance.provenance import Origin
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.early_upload import EarlyUpload
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.models import ModelCatalog
from spark_avatar.service.monitor import ClaimLost, HandedBack, Heartbeat, TaskMonitor
from spark_avatar.service.notebook import TaskNotebook
from spark_avatar.service.parameters import CONSENT
from spark_avatar.service.prices import Price, PriceList, plain
from spark_avatar.service.room import TOO_LARGE, WorkRoom, is_disk_full
from spark_avatar.service.splitting import SplitRenderer
from spark_avatar.service.workdirs import workdir_name
from spark_avatar.storage.keys import attempt_keys, output_key, poster_key, preview_key
from spark_avatar.storage.parts import PartedStorage
from spark_avatar.storage.storage import Storage
from spark_avatar.tasks.store import StoreAway, TaskStore
from spark_avatar.tasks.task import PREVIEW, THUMBNAIL, Claim, Task, TaskFailure, TaskOutput, TaskUsage

_FETCHED = 0.05
_RENDERED = 0.97
_POSTER_SIDE = 640
"""Pixels of the longer side: enough for a list and for a player that waits."""
_CONTRACT_CODES = "003016"
_INTERNAL = (
    "The video could not be generated because of an internal error. Try again; if it stays so, the task's id helps the "
    "operator of this server to find out why."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskRunner:
    """Runs tasks, one at a time."""

    store: TaskStore
    storage: Storage
    fetcher: InputFetcher
    pipeline: Pipeline
    catalog: ModelCatalog
    prices: PriceList
    work_dir: Path
    """Holds a folder for every running task."""
    worker: str
    """The name that claims are made in."""
    must_stop: Callable[[], bool]
    """Whether the running task has to be handed back now."""
    look_again: Callable[[], bool] = lambda: False
    """Whether a claim may have been taken away since it was last asked."""
    lease_seconds: float = 15.0
    task_seconds: float = 1800.0
    most_running: int | None = None
    """Tasks of one account that may run at the same time, in all workers together."""
    engines: Collection[str] | None = None
    """What this worker can run; by default everything."""
    split: SplitRenderer | None = None
    """Renders long recordings in parts, with other workers; by default all are rendered in one go."""
    parts: PartedStorage | None = None
    """Of the storage: takes videos while they are rendered; by default they are stored when they are finished."""
    room: WorkRoom | None = None
    """Where it is short, what failed for want of disk space is handed back; by default it fails."""
    clock: Clock = utc_now

    def claim(self) -> Task | None:
        """The next task for this worker, if any waits."""
        now = self.clock()
        lease_until = now + timedelta(seconds=self.lease_seconds)
        return self.store.claim_next(
            self.worker, now=now, lease_until=lease_until, most_running=self.most_running, engines=self.engines
        )

    def run(self, task: Task) -> None:
        """Brings a task that `claim` gave to an end, or hands it back. When this returns, no file of the attempt is left
        but the output of a completed task. Raises only what the store or the storage raise; the lease then lapses, and
        recovery takes the task up.
        """
        claim = task.claim
        if claim is None:
            raise ValueError("the task is not claimed")
        _log.info("task started", extra={"task_id": task.id, "attempt": claim.attempt, "worker": claim.worker})
        with tracing.span("task", parent=_trace_of(task), task__id=task.id, attempt=claim.attempt, worker=claim.worker):
            tracing.past("claim", seconds=(self.clock() - task.created_at).total_seconds(), engine=task.engine)
            self._run(task, claim)
        if self.split is not None:
            self.split.tidy()

    def _run(self, task: Task, claim: Claim) -> None:
        with Heartbeat(self.store, task, claim, lease_seconds=self.lease_seconds, clock=self.clock) as heartbeat:
            try:
                finished = self._produce(task, claim, heartbeat)
            except ClaimLost:
                _log.warning("task is no longer this worker's", extra={"task_id": task.id, "attempt": claim.attempt})
                self._delete_outputs(task, range(claim.attempt, claim.attempt + 1))
            except HandedBack:
                self.store.hand_back(task.id, claim, count_attempt=False)
                _log.info("task handed back", extra={"task_id": task.id, "attempt": claim.attempt})
            except StoreAway:
                raise  # nobody could be told anything
            except Exception as error:  # noqa: BLE001 - whatever an engine does, the task ends with a reason
                self._end_badly(task, claim, error)
            else:
                self._complete(task, claim, *finished)

    def _end_badly(self, task: Task, claim: Claim, error: Exception) -> None:
        """Fails the task, or hands it back where it was not the task's fault. Its work folder is gone by now."""
        facts = {"task_id": task.id, "attempt": claim.attempt}
        if self.room is not None and self.room.caused(error):
            self.store.hand_back(task.id, claim, count_attempt=False)
            _log.error("task handed back: the disk is full", extra={**facts, "free_bytes": self.room.free_bytes})
        elif is_disk_full(error):
            _log.error("task failed: it needs more disk space than there is", extra=facts)
            self._fail(task, claim, GenerationError(TOO_LARGE))
        elif isinstance(error, SparkAvatarError) and not isinstance(error, ConfigurationError):
            self._fail(task, claim, error)
        else:
            _log.error("task failed unexpectedly", extra=facts, exc_info=error)
            self._fail(task, claim, GenerationError(_INTERNAL))

    def _produce(self, task: Task, claim: Claim, heartbeat: Heartbeat) -> tuple[Rendition, TaskOutput, TaskUsage]:
        """The video, in storage, and what it costs; the workdir is gone."""
        model = self.catalog.get(task.request.model)
        price = self.prices.of_model(model.id)
        monitor = TaskMonitor(
            self.store,
            task,
            claim,
            heartbeat,
            seconds=self.task_seconds,
            must_stop=self.must_stop,
            look_again=self.look_again,
            start=_FETCHED,
            end=_RENDERED,
        )
        key = partial(output_key, task.account_id, task.id, claim.attempt)
        with monitor, self._workdir(task, claim) as folder, EarlyUpload(self.parts, key) as early:
            started = time.perf_counter()
            with tracing.span("fetch"):
                fetch = partial(self.fetcher.fetch, given_at=task.created_at, checkpoint=monitor.checkpoint)
                image = fetch(task.request.image_url, "image", folder / "image")
                audio = fetch(task.request.audio_url, "audio", folder / "audio")
                behind = task.request.background_url
                background = fetch(behind, "background", folder / "background") if behind else None
            fetched = time.perf_counter() - started
            if not self.store.report(task.id, claim, progress=_FETCHED, stage="fetched", uploaded_at=self.clock()):
                raise ClaimLost
            set_aside = self._reserve(task, claim, price, audio)
            parts = None if background else self._in_parts(task, image, audio, folder, model.engine, monitor)
            rendition = parts or self.pipeline.render(
                image,
                audio,
                folder / "output",
                thumbnail=folder / "thumbnail.jpg",
                preview=folder / "preview.webp",
                background=background,
                engine=model.engine,
                options=task.request.options,
                seed=task.seed,
                monitor=monitor,
                workdir=folder,
                notebook=TaskNotebook(self.store, task, claim),
                announce=early.follow,
                identity=task.id,
                label=task.request.label,
                consent=CONSENT in task.metadata,
            )
            monitor.checkpoint()
            with tracing.span("upload"):
                output = self._store_output(task, claim, rendition, early)
        rendition.timings["fetch"] = fetched
        cost = min(price.charge(rendition.seconds, rendition.compute_units), set_aside)
        return rendition, output, TaskUsage(plain(cost), float(price.discount), rendition.compute_units)

    def _in_parts(
        self, task: Task, image: Path, audio: Path, folder: Path, engine: str, monitor: TaskMonitor
    ) -> Rendition | None:
        """The video of a long recording, made with other workers; None where it is rendered in one go."""
        if self.split is None:
            return None
        origin = Origin(task.id, label=task.request.label, consent=CONSENT in task.metadata)
        return self.split.render(task, image, audio, folder, engine=engine, origin=origin, monitor=monitor)

    def _reserve(self, task: Task, claim: Claim, price: Price, audio: Path) -> Decimal:
        """Sets aside what a video of this recording costs at most, before any work goes into it; returns that. Raises
        `InsufficientBalance` and `BudgetSpent`, the errors of a recording that cannot be used, and `ClaimLost`.
        """
        if price.free:
            return Decimal(0)
        amount = price.highest(probe_audio(audio, self.pipeline.limits).seconds)
        if not self.store.reserve(task.id, claim, amount, now=self.clock()):
            raise ClaimLost
        return amount

    def _store_output(self, task: Task, claim: Claim, rendition: Rendition, early: EarlyUpload) -> TaskOutput:
        key = output_key(task.account_id, task.id, claim.attempt, rendition.format.suffix)
        stored = early.finish(key, rendition.path) or self.storage.put(key, rendition.path)
        if rendition.thumbnail is not None:
            poster = rendition.thumbnail.with_name("poster.jpg")
            shrink_image(rendition.thumbnail, poster, longest=_POSTER_SIDE)
            self.storage.put(poster_key(key), poster)
        if rendition.preview is not None:
            self.storage.put(preview_key(key), rendition.preview)
        return TaskOutput(
            key=stored.key,
            media_type=rendition.format.media_type,
            size=stored.size,
            job_id=rendition.job_id or workdir_name(task.id, claim.attempt),
            seconds=rendition.seconds,
            width=rendition.width,
            height=rendition.height,
        )

    def _complete(self, task: Task, claim: Claim, rendition: Rendition, output: TaskOutput, usage: TaskUsage) -> None:
        ended = self.store.complete(
            task.id, claim, outputs=[output], usage=usage, metadata=_metadata(rendition, output), now=self.clock()
        )
        if not ended:
            _log.warning("task is no longer this worker's", extra={"task_id": task.id, "attempt": claim.attempt})
            self._delete_outputs(task, range(claim.attempt, claim.attempt + 1))
            return
        self._delete_outputs(task, range(1, claim.attempt))
        _log.info("task completed", extra={"task_id": task.id, "attempt": claim.attempt, "seconds": rendition.seconds})

    def _fail(self, task: Task, claim: Claim, error: SparkAvatarError) -> None:
        code = error.task_code or (error.code if error.code.startswith(_CONTRACT_CODES) else GenerationError.code)
        metadata: dict[str, object] = dict(error.facts)
        tracing.failed(code)
        if self.store.fail(task.id, claim, TaskFailure(code, error.message), metadata=metadata, now=self.clock()):
            _log.info("task failed", extra={"task_id": task.id, "attempt": claim.attempt, "code": code})
            self._delete_outputs(task, range(1, claim.attempt + 1))

    def _delete_outputs(self, task: Task, attempts: range) -> None:
        for attempt in attempts:
            for key in attempt_keys(task.account_id, task.id, attempt):
                self.storage.delete(key)

    @contextmanager
    def _workdir(self, task: Task, claim: Claim) -> Iterator[Path]:
        folder = self.work_dir / workdir_name(task.id, claim.attempt)
        shutil.rmtree(folder, ignore_errors=True)  # an attempt that was handed back has its number again
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _trace_of(task: Task) -> dict[str, str]:
    """Of the request that made the task."""
    return {name: str(task.metadata[name]) for name in ("traceparent", "tracestate") if name in task.metadata}


def _metadata(rendition: Rendition, output: TaskOutput) -> dict[str, object]:
    return {
        **({THUMBNAIL: poster_key(output.key)} if rendition.thumbnail is not None else {}),
        **({PREVIEW: preview_key(output.key)} if rendition.preview is not None else {}),
        **rendition.diagnostics,
        "warnings": [{"code": warning.code, "message": warning.message} for warning in rendition.warnings],
        "engine": rendition.engine,
        "seed": rendition.seed,
        "provenance": rendition.provenance,
        "timings": {stage: round(seconds, 4) for stage, seconds in rendition.timings.items()},
    }
