"""`spark-avatar worker`: worker processes that take their tasks through a broker, on this or any other machine."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

import structlog

import spark_avatar
from spark_avatar.app.adapters import database_url_of, patient_store_of, storage_of, work_dir_of, work_room_of
from spark_avatar.app.broker import broker_url_of
from spark_avatar.app.housekeeping import KILL_SLACK_SECONDS, Housekeeping
from spark_avatar.app.logs import begin_logging
from spark_avatar.app.split_worker import open_worker
from spark_avatar.app.task_runner import open_runner
from spark_avatar.config import Settings, traces_wanted
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade_when_there
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.dispatch.roster import Attendance, WorkerState
from spark_avatar.dispatch.sql_roster import SqlRoster
from spark_avatar.errors import ConfigurationError
from spark_avatar.service.recovery import Recovery, Sweeper
from spark_avatar.service.segment_cleanup import segment_workdirs
from spark_avatar.tasks.sql.segments import SqlSegmentStore
from spark_avatar.tasks.store import TaskStore
from spark_avatar.telemetry import Logging, Seldom
from spark_avatar.tracing import start_tracing
from spark_avatar.wiring import engine_registry, provenance_of

if TYPE_CHECKING:
    from spark_avatar.dispatch.celery_queue.worker import QueueControl

_STEP_BACK_SECONDS = 3.0
"""How long a worker with a full disk keeps a message from those that have room."""
_LOOK_SECONDS = 0.2

_log = structlog.stdlib.get_logger(__name__)


def run_queue_workers(settings: Settings, logging: Logging, *, engines: Collection[str] = ()) -> int:
    """Runs `settings.workers` processes until SIGTERM or SIGINT; returns the exit status. Takes the tasks of these engines, by
    default of all that are installed and set up here. Raises `ConfigurationError`.
    """
    broker_url = broker_url_of(settings)
    if broker_url is None:
        raise ConfigurationError(
            "a worker of its own needs SPARK_AVATAR_BROKER_URL; without a broker, workers run inside `spark-avatar serve`"
        )
    from spark_avatar.dispatch.celery_queue.worker import run_queue_worker

    known = engine_registry(settings).names()
    for name in engines:
        if name not in known:
            raise ConfigurationError(f"there is no engine {name!r}; there are: {', '.join(known)}")
    wanted = tuple(engines) or tuple(known)
    begin_logging(logging)
    provenance_of(settings).describe()  # fails early; the signing library must not be loaded before the fork
    upgrade_when_there(database_url_of(settings))
    return run_queue_worker(
        broker_url,
        engines=wanted,
        concurrency=max(1, settings.workers),
        open_shift=partial(QueueShift, settings, wanted),
        hard_seconds=settings.task_seconds + KILL_SLACK_SECONDS,
        drain_seconds=settings.drain_seconds,
    )


class QueueShift:
    """A child's work: opened after the fork, as engines, drivers and storage have threads of their own."""

    def __init__(self, settings: Settings, engines: Collection[str], control: QueueControl) -> None:
        from spark_avatar.app.broker import open_dispatcher

        if traces_wanted():
            start_tracing()
        self._presence = ServerPresence(settings.data_dir / "servers")
        name = f"{self._presence.server_id}/1"
        self._database = open_database(database_url_of(settings))
        roster = SqlRoster(self._database)
        self._control = control
        self._room = room = work_room_of(settings)
        self._full = Seldom()
        self._attendance = Attendance(
            roster, name, engines=engines, version=spark_avatar.__version__, is_full=lambda: room.is_short
        )
        self._attendance.__enter__()
        self._dispatcher = open_dispatcher(settings)
        self._dispatcher.start()
        store = patient_store_of(settings, self._database)
        segments = partial(segment_workdirs, SqlSegmentStore(self._database))
        recovery = Recovery(store, storage_of(settings), work_dir_of(settings), settings.max_attempts, other_folders=segments)
        housekeeping = Housekeeping(
            self._presence, recovery, roster, settings.data_dir / "uploads-under-way", settings.task_seconds
        )
        self._sweeper = Sweeper(partial(self._tidy, housekeeping, store), seconds=settings.lease_seconds, first_seconds=0)
        self._sweeper.start()
        runner = open_runner(settings, self._database, name, control, engines)
        self._worker = open_worker(runner, settings, self._database, self._wake)
        self._wake_next = settings.max_running_per_account > 0
        self._attendance.note(WorkerState.IDLE)

    def look(self) -> bool:
        """Takes the task or segment whose turn it is and brings it to an end, if one waits. False when it could take nothing,
        because the disk is full: then another worker has to look.
        """
        if self._room.is_short and not self._wait_for_room():
            return False
        work = self._worker.claim()
        if work is None:
            return True
        self._attendance.note(WorkerState.BUSY, work.task_id)
        try:
            with structlog.contextvars.bound_contextvars(**work.log_facts):
                self._worker.run(work)
        finally:
            self._attendance.note(WorkerState.IDLE)
            # A task that its account's limit held back has used up its own message, and so has one whose turn a segment took.
            if self._wake_next or work.is_part:
                self._dispatcher.wake(work.engine)
        return True

    def _wait_for_room(self) -> bool:
        """For a few seconds, with a message in hand: the others then go to workers that can do something with them."""
        if self._full.due():
            _log.error("the disk is full: no tasks are taken", free_bytes=self._room.free_bytes, needed=self._room.least_bytes)
        until = time.monotonic() + _STEP_BACK_SECONDS
        while self._room.is_short:
            if self._control.draining or time.monotonic() > until:
                return False
            time.sleep(_LOOK_SECONDS)
        self._full.settle()
        return True

    def _tidy(self, housekeeping: Housekeeping, store: TaskStore) -> None:
        if housekeeping.bury_dead():  # the child, perhaps, whose place this one took
            self._dispatcher.top_up(store.queued_by_engine())
        housekeeping.recovery.remove_orphans()

    def _wake(self, engine: str, workers: int) -> None:
        for _ in range(workers):
            self._dispatcher.wake(engine)

    def end(self) -> None:
        """Nothing of this child stays behind."""
        self._sweeper.stop()
        self._dispatcher.stop(grace_seconds=0)
        self._attendance.leave()
        self._presence.withdraw()
        self._database.dispose()
