"""What a worker process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from spark_avatar.app.adapters import database_url_of, limits_of, patient_store_of, prices_of, signer_of, storage_of, work_dir_of
from spark_avatar.config import Settings
from spark_avatar.database.engine import open_database
from spark_avatar.errors import SparkAvatarError
from spark_avatar.service.addresses import AllowList
from spark_avatar.telemetry import Logging, configure_logging
from spark_avatar.wiring import engine_registry, model_catalog, provenance_of

if TYPE_CHECKING:
    from spark_avatar.dispatch.control import WorkerControl
    from spark_avatar.service.runner import TaskRunner
    from spark_avatar.tasks.task import Task

_log = structlog.stdlib.get_logger(__name__)


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


def _runner(name: str, control: WorkerControl, settings: Settings) -> TaskRunner:
    """The runner of this worker, its engine loaded. An engine that cannot be loaded is logged: every task then says so."""
    from spark_avatar.pipeline import Pipeline
    from spark_avatar.service.fetch import InputFetcher
    from spark_avatar.service.http_source import HttpSource
    from spark_avatar.service.runner import TaskRunner

    storage, limits, catalog = storage_of(settings), limits_of(settings), model_catalog(settings)
    http = HttpSource(AllowList.parse(settings.fetch_allow))
    pipeline = Pipeline(engine_registry(settings), limits, provenance_of(settings))
    try:
        pipeline.warm_up(settings.default_engine)
    except SparkAvatarError:
        _log.exception("the engine could not be loaded", engine=settings.default_engine)
    return TaskRunner(
        store=patient_store_of(settings, open_database(database_url_of(settings))),
        storage=storage,
        fetcher=InputFetcher(http, storage, signer_of(settings), limits, settings.fetch_seconds),
        pipeline=pipeline,
        catalog=catalog,
        prices=prices_of(settings),
        work_dir=work_dir_of(settings),
        worker=name,
        must_stop=lambda: control.aborting,
        lease_seconds=settings.lease_seconds,
        task_seconds=settings.task_seconds,
        most_running=settings.max_running_per_account or None,
    )
