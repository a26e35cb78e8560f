"""What a worker process takes up: tasks, and segments of long recordings where the settings split these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from spark_avatar.config import Settings
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.tasks.sql.segments import SqlSegmentStore

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from spark_avatar.service.runner import TaskRunner
    from spark_avatar.service.worker import Worker


def open_worker(
    runner: TaskRunner, settings: Settings, database: Engine, wake: Callable[[str, int], None] | None = None
) -> Worker:
    """A worker that runs tasks with this runner. `wake` is told for how many further workers with an engine there is work."""
    from spark_avatar.service.segment_runner import SegmentRunner
    from spark_avatar.service.splitting import SplitRenderer
    from spark_avatar.service.worker import Worker

    if not settings.split_seconds:
        return Worker(runner)
    segments = SegmentRunner(
        tasks=runner.store,
        segments=SqlSegmentStore(database),
        storage=runner.storage,
        pipeline=runner.pipeline,
        work_dir=runner.work_dir,
        worker=runner.worker,
        must_stop=runner.must_stop,
        lease_seconds=runner.lease_seconds,
        task_seconds=runner.task_seconds,
        most_running=runner.most_running,
        engines=runner.engines,
        room=runner.room,
    )
    leases = LeaseWatch(settings.lease_seconds)
    split = SplitRenderer(segments, settings.split_seconds, settings.max_attempts, leases, wake)
    return Worker(replace(runner, split=split), segments)
