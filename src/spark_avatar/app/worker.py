"""What a worker process of a server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

import spark_avatar
from spark_avatar.app.adapters import database_url_of
from spark_avatar.app.task_runner import open_runner
from spark_avatar.config import Settings
from spark_avatar.database.engine import open_database
from spark_avatar.dispatch.roster import Attendance, WorkerState
from spark_avatar.dispatch.sql_roster import SqlRoster
from spark_avatar.telemetry import Logging, configure_logging

if TYPE_CHECKING:
    from spark_avatar.dispatch.control import WorkerControl
    from spark_avatar.service.runner import TaskRunner
    from spark_avatar.tasks.task import Task


def worker_main(name: str, control: WorkerControl, settings: Settings, logging: Logging) -> None:
    """Claims tasks and renders them until told to drain. The engine loads before the first claim and after the worker has said
    that it is there, so that the server is ready early and no task waits in a claim.
    """
    from spark_avatar.dispatch.worker_loop import run_worker

    configure_logging(json=logging.json, level=logging.level)
    database = open_database(database_url_of(settings))
    runner: TaskRunner | None = None

    def claim() -> Task | None:
        nonlocal runner
        if runner is None:
            runner = open_runner(settings, database, name, control)
            attendance.note(WorkerState.IDLE)
        return runner.claim()

    def run(task: Task) -> None:
        assert runner is not None
        attendance.note(WorkerState.BUSY, task.id)
        try:
            with structlog.contextvars.bound_contextvars(task_id=task.id, request_id=task.request_id):
                runner.run(task)
        finally:
            attendance.note(WorkerState.IDLE)

    with Attendance(SqlRoster(database), name, engines=(), version=spark_avatar.__version__) as attendance:
        run_worker(claim, run, control)
