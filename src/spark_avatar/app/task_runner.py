"""The task runner of a worker process, its engine loaded."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

import structlog

from spark_avatar.app.adapters import (
    fetcher_of,
    patient_store_of,
    prices_of,
    storage_of,
    work_dir_of,
    work_room_of,
)
from spark_avatar.config import Settings
from spark_avatar.errors import SparkAvatarError
from spark_avatar.tasks.sql.drained_servers import DrainedServers
from spark_avatar.wiring import engine_registry, limits_of, model_catalog, provenance_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from spark_avatar.service.runner import TaskRunner

_log = structlog.stdlib.get_logger(__name__)


class RunControl(Protocol):
    """What a running task has to heed."""

    @property
    def aborting(self) -> bool:
        """Whether the running task must be handed back now."""
        ...

    def look_again(self) -> bool:
        """Whether a claim may have been taken away since this was last asked."""
        ...


def open_runner(
    settings: Settings, database: Engine, name: str, control: RunControl, engines: Collection[str] | None = None
) -> TaskRunner:
    """Claims in the worker's name, only tasks of these engines where any are named. An engine that cannot be loaded is logged:
    every task then says so.
    """
    from spark_avatar.pipeline import Pipeline
    from spark_avatar.service.runner import TaskRunner

    storage, limits = storage_of(settings), limits_of(settings)
    engines_here = engine_registry(settings, DrainedServers(database).drained)
    pipeline = Pipeline(engines_here, limits, provenance_of(settings))
    if engines is None or settings.default_engine in engines:
        try:
            pipeline.warm_up(settings.default_engine)
        except SparkAvatarError:
            _log.exception("the engine could not be loaded", engine=settings.default_engine)
    return TaskRunner(
        store=patient_store_of(settings, database),
        storage=storage,
        fetcher=fetcher_of(settings, storage),
        pipeline=pipeline,
        catalog=model_catalog(settings),
        prices=prices_of(settings),
        work_dir=work_dir_of(settings),
        worker=name,
        must_stop=lambda: control.aborting,
        look_again=control.look_again,
        lease_seconds=settings.lease_seconds,
        task_seconds=settings.task_seconds,
        most_running=settings.max_running_per_account or None,
        engines=engines,
        parts=storage.parts,
        room=work_room_of(settings),
    )
