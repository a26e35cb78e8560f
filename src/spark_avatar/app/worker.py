"""What a worker process of a server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

import spark_avatar
from spark_avatar.app.adapters import database_url_of, work_room_of
from spark_avatar.app.logs import begin_logging
from spark_avatar.app.split_worker import open_worker
from spark_avatar.app.task_runner import open_runner
from spark_avatar.config import Settings, traces_wanted
from spark_avatar.database.engine import open_database
from spark_avatar.dispatch.roster import Attendance, WorkerState
from spark_avatar.dispatch.sql_roster import SqlRoster
from spark_avatar.telemetry import Logging
from spark_avatar.tracing import start_tracing

if TYPE_CHECKING:
    from spark_avatar.dispatch.control import WorkerControl
    from spark_avatar.service.worker import Work, Worker


def worker_main(name: str, control: WorkerControl, settings: Settings, logging: Logging) -> None:
    """Claims tasks and renders them until told to drain. The engine loads before the first claim and after the worker has said
    that it is there, so that the server is ready early and no task waits in a claim.
    """
    from spark_avatar.dispatch.worker_loop import run_worker

    begin_logging(logging)
    if traces_wanted():
        start_tracing()
    database = open_database(database_url_of(settings))
    worker: Worker | None = None

    def claim() -> Work | None:
        nonlocal worker
        if worker is None:
            worker = open_worker(open_runner(settings, database, name, control), settings, database)
            attendance.note(WorkerState.IDLE)
        return worker.claim()

    def run(work: Work) -> None:
        assert worker is not None
        attendance.note(WorkerState.BUSY, work.task_id)
        try:
            with structlog.contextvars.bound_contextvars(**work.log_facts):
                worker.run(work)
        finally:
            attendance.note(WorkerState.IDLE)

    room = work_room_of(settings)
    with Attendance(
        SqlRoster(database), name, engines=(), version=spark_avatar.__version__, is_full=lambda: room.is_short
    ) as attendance:
        run_worker(claim, run, control)
