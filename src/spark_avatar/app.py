"""Settings -> services -> server. The only place that names adapters.

Web libraries are imported where they are used: worker processes import this module too, and never need them.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from spark_avatar.accounts.sql import SqlKeyStore
from spark_avatar.config import Settings
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.dispatch.in_process import InProcessDispatcher, WorkerEnd
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.errors import ObjectNotFound, SparkAvatarError
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.admission import Admission
from spark_avatar.service.files import FileService
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.http_sender import HttpSender
from spark_avatar.service.inputs import RequestInputs
from spark_avatar.service.models import ModelCatalog
from spark_avatar.service.prices import PriceList
from spark_avatar.service.recovery import Recovery, Sweeper
from spark_avatar.service.retention import Retention, age
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.service.webhooks import WebhookDeliverer, WebhookSigner
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.secret import load_secret
from spark_avatar.storage.storage import ObjectKey
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.telemetry import configure_logging
from spark_avatar.wiring import engine_registry, model_catalog

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry
    from sqlalchemy import Engine

    from spark_avatar.api.ports import Ports
    from spark_avatar.dispatch.control import WorkerControl
    from spark_avatar.service.runner import TaskRunner
    from spark_avatar.tasks.task import Task

_KILL_SLACK_SECONDS = 60.0
"""A worker that has not ended its task so long after the time limit hangs, and is killed."""
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Logging:
    """How the server and its workers log."""

    json: bool = False
    level: str = "info"


_PLAIN = Logging()


@dataclass(frozen=True)
class Housekeeping:
    """Takes up what the dead left behind."""

    presence: ServerPresence
    recovery: Recovery
    scratch_root: Path

    @property
    def scratch(self) -> Path:
        """The folder of this run for uploads under way."""
        return self.scratch_root / self.presence.server_id

    def take_up(self) -> None:
        """Hands back what dead servers and silent workers hold, and removes their files."""
        self.presence.bury_dead(self._bury)
        self.recovery.sweep()

    def worker_ended(self, worker: str, end: WorkerEnd) -> None:
        """Hands back what a worker process of this server held."""
        self.recovery.worker_ended(worker, overdue=end is WorkerEnd.OVERDUE, counted=end is not WorkerEnd.STOPPED)

    def _bury(self, server_id: str) -> None:
        self.recovery.server_ended(server_id)
        shutil.rmtree(self.scratch_root / server_id, ignore_errors=True)


@dataclass(frozen=True)
class Services:
    """Everything that a server process runs on."""

    settings: Settings
    database: Engine
    store: SqlTaskStore
    keys: SqlKeyStore
    storage: ObjectStorage
    catalog: ModelCatalog
    generation: GenerationService
    tasks: TaskService
    files: FileService
    dispatcher: InProcessDispatcher
    housekeeping: Housekeeping
    webhooks: WebhookDeliverer
    sweepers: tuple[Sweeper, ...]

    def checks(self) -> dict[str, bool]:
        """What must hold before this server can take work."""
        return {
            "database": self.store.ping(),
            "storage": _answers(self.storage),
            "workers": self.dispatcher.ready(),
        }

    def start(self) -> None:
        """Brings the database up to date, takes up what dead servers left, starts the workers."""
        upgrade(_database_url(self.settings))
        self.housekeeping.scratch.mkdir(parents=True, exist_ok=True)
        self.housekeeping.take_up()
        self.dispatcher.start()
        for sweeper in self.sweepers:
            sweeper.start()

    def stop(self) -> None:
        """Lets running tasks finish or be handed back; nothing of this run stays behind."""
        for sweeper in self.sweepers:
            sweeper.stop()
        self.dispatcher.stop(grace_seconds=self.settings.drain_seconds)
        self.housekeeping.presence.withdraw()
        shutil.rmtree(self.housekeeping.scratch, ignore_errors=True)
        self.database.dispose()


def build_services(settings: Settings, logging: Logging = _PLAIN) -> Services:
    """Puts the services together; starts nothing. Raises `ConfigurationError`."""
    database = open_database(_database_url(settings))
    store, storage, catalog = SqlTaskStore(database), _storage(settings), model_catalog(settings)
    recovery = Recovery(store, storage, _work_dir(settings), settings.max_attempts)
    housekeeping = Housekeeping(ServerPresence(settings.data_dir / "servers"), recovery, settings.data_dir / "uploads-under-way")
    dispatcher = InProcessDispatcher(
        worker_main,
        (settings, logging),
        workers=settings.workers,
        prefix=housekeeping.presence.server_id,
        on_end=housekeeping.worker_ended,
        hard_seconds=settings.task_seconds + _KILL_SLACK_SECONDS,
    )
    generation = GenerationService(
        store,
        dispatcher,
        catalog,
        inputs=RequestInputs(storage, _limits(settings)),
        prices=PriceList(settings.price_per_second),
        limits=_limits(settings),
        admission=Admission(store, settings.max_queued, settings.max_queued_per_account),
    )
    webhooks = _webhooks(settings, database, store)
    return Services(
        settings=settings,
        database=database,
        store=store,
        keys=SqlKeyStore(database),
        storage=storage,
        catalog=catalog,
        generation=generation,
        tasks=_task_service(settings, store, storage),
        files=FileService(storage, _signer(settings), link_seconds=settings.link_seconds),
        dispatcher=dispatcher,
        housekeeping=housekeeping,
        webhooks=webhooks,
        sweepers=(
            Sweeper(housekeeping.take_up, seconds=settings.lease_seconds),
            Sweeper(_retention(settings, store, storage).sweep, seconds=3600, first_seconds=60),
            Sweeper(webhooks.step, seconds=1),
        ),
    )


def create_app(settings: Settings, logging: Logging = _PLAIN) -> FastAPI:
    """The ASGI app; its lifespan starts and stops the services."""
    from prometheus_client import CollectorRegistry
    from starlette.concurrency import run_in_threadpool

    from spark_avatar.api.http import build_api
    from spark_avatar.api.metrics import QueueCollector
    from spark_avatar.console.pages import console_routes
    from spark_avatar.console.samples import sample_files

    services = build_services(settings, logging)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(services.start)
        try:
            yield
        finally:
            await run_in_threadpool(services.stop)

    registry = CollectorRegistry()
    registry.register(QueueCollector(lambda: services.store.queue_facts(now=datetime.now(UTC))))
    app = build_api(registry=registry, lifespan=lifespan)
    app.state.ports = _ports(services, registry)
    app.include_router(console_routes(sample_files(settings.data_dir / "samples"), public_url=settings.public_url))
    return app


def run_server(settings: Settings, *, host: str, port: int, log_json: bool, log_level: str) -> None:
    """Serves until SIGINT or SIGTERM, then drains; prints the address when it is ready. Port 0 picks a free one."""
    from spark_avatar.api.server import serve

    configure_logging(json=log_json, level=log_level)
    app = create_app(settings, Logging(json=log_json, level=log_level))
    serve(app, host=host, port=port, on_stop=app.state.ports.stopping.set)


def worker_main(name: str, control: WorkerControl, settings: Settings, logging: Logging) -> None:
    """What a worker process runs: claims tasks and renders them until told to drain. The engine loads before the first
    claim and after the worker has said that it is there, so that the server is ready early and no task waits in a claim.
    """
    from spark_avatar.dispatch.worker_loop import run_worker

    configure_logging(json=logging.json, level=logging.level)
    runner: TaskRunner | None = None

    def claim() -> Task | None:
        nonlocal runner
        if runner is None:
            runner = _runner(name, control, settings)
        return runner.claim()

    def run(task: Task) -> None:
        assert runner is not None
        with structlog.contextvars.bound_contextvars(task_id=task.id, request_id=task.request_id):
            runner.run(task)

    run_worker(claim, run, control)


def open_keys(settings: Settings) -> SqlKeyStore:
    """The API keys, for the command line; works beside a running server."""
    return SqlKeyStore(_open_current_database(settings))


def open_tasks(settings: Settings) -> SqlTaskStore:
    """The tasks, for the command line; works beside a running server."""
    return SqlTaskStore(_open_current_database(settings))


def open_task_service(settings: Settings) -> TaskService:
    """What can be done with tasks, for the command line; works beside a running server."""
    return _task_service(settings, open_tasks(settings), _storage(settings))


def _task_service(settings: Settings, store: SqlTaskStore, storage: ObjectStorage) -> TaskService:
    return TaskService(store, _task_files(settings, storage))


def _task_files(settings: Settings, storage: ObjectStorage) -> TaskFiles:
    return TaskFiles(storage, RequestInputs(storage, _limits(settings)))


def _webhooks(settings: Settings, database: Engine, store: SqlTaskStore) -> WebhookDeliverer:
    sender = HttpSender(AllowList.parse(settings.fetch_allow))
    return WebhookDeliverer(SqlDeliveryStore(database), store, sender, WebhookSigner(_secret(settings)))


def _retention(settings: Settings, store: SqlTaskStore, storage: ObjectStorage) -> Retention:
    ages = age(timedelta(days=settings.keep_days)), age(timedelta(hours=settings.keep_input_hours))
    return Retention(store, storage, _task_files(settings, storage), *ages)


def _open_current_database(settings: Settings) -> Engine:
    upgrade(_database_url(settings))
    return open_database(_database_url(settings))


def _runner(name: str, control: WorkerControl, settings: Settings) -> TaskRunner:
    """The runner of this worker, its engine loaded. An engine that cannot be loaded is logged: every task then says so."""
    from spark_avatar.pipeline import Pipeline
    from spark_avatar.service.fetch import InputFetcher
    from spark_avatar.service.http_source import HttpSource
    from spark_avatar.service.runner import TaskRunner

    storage, limits, catalog = _storage(settings), _limits(settings), model_catalog(settings)
    http = HttpSource(AllowList.parse(settings.fetch_allow))
    pipeline = Pipeline(engine_registry(settings), limits)
    try:
        pipeline.warm_up(settings.default_engine)
    except SparkAvatarError:
        _log.exception("the engine could not be loaded", engine=settings.default_engine)
    return TaskRunner(
        store=SqlTaskStore(open_database(_database_url(settings))),
        storage=storage,
        fetcher=InputFetcher(http, storage, _signer(settings), limits, settings.fetch_seconds),
        pipeline=pipeline,
        catalog=catalog,
        prices=PriceList(settings.price_per_second),
        work_dir=_work_dir(settings),
        worker=name,
        must_stop=lambda: control.aborting,
        lease_seconds=settings.lease_seconds,
        task_seconds=settings.task_seconds,
        most_running=settings.max_running_per_account or None,
    )


def _ports(services: Services, registry: CollectorRegistry) -> Ports:
    from spark_avatar.api.ports import ApiLimits, Ports
    from spark_avatar.api.rate_limits import RateLimits

    settings = services.settings
    return Ports(
        generation=services.generation,
        tasks=services.tasks,
        webhooks=services.webhooks,
        files=services.files,
        models=services.catalog,
        authenticate=services.keys.authenticate,
        checks=services.checks,
        limits=ApiLimits(_limits(settings), settings.sync_seconds),
        rates=RateLimits.of(
            per_key=settings.rate_per_key, per_address=settings.rate_per_address, store_url=settings.rate_store_url
        ),
        scratch=services.housekeeping.scratch,
        public_url=settings.public_url,
        registry=registry,
    )


def _database_url(settings: Settings) -> str:
    return settings.database_url or f"sqlite:///{settings.data_dir / 'spark-avatar.sqlite3'}"


def _storage(settings: Settings) -> ObjectStorage:
    return ObjectStorage(settings.storage_url or str(settings.data_dir / "files"))


def _signer(settings: Settings) -> LinkSigner:
    return LinkSigner(_secret(settings))


def _secret(settings: Settings) -> bytes:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return load_secret(settings.data_dir / "secret")


def _limits(settings: Settings) -> MediaLimits:
    return MediaLimits(
        image_bytes=settings.max_image_bytes,
        image_side=settings.max_image_side,
        audio_bytes=settings.max_audio_bytes,
        audio_seconds=settings.max_audio_seconds,
    )


def _work_dir(settings: Settings) -> Path:
    return settings.data_dir / "work"


def _answers(storage: ObjectStorage) -> bool:
    """Whether the storage can be asked."""
    try:
        storage.head(ObjectKey("readiness"))
    except ObjectNotFound:
        return True
    except Exception:  # noqa: BLE001 - every cloud has its own exceptions
        return False
    return True
