"""What the queue costs beyond the renders, what more workers bring, and how three API processes answer.

    PYTHONPATH=tests:tests/integration python benchmarks/fleet.py [overhead] [throughput] [latency]

Starts a PostgreSQL and a RabbitMQ of its own. The engine of the fault tests stands for a render of a known length that needs no
core: so the figures are the queue's, not the machine's.
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from fleet_house import Fleet
from sqlalchemy import select

import service
from figures import Figure, machine, table
from spark_avatar.app.openings import open_tasks
from spark_avatar.config import Settings
from spark_avatar.database.engine import reading
from spark_avatar.database.schema import tasks

RENDER_SECONDS = 0.2
SERVERS = 3


def overhead(fleet: Fleet) -> list[Figure]:
    """Of one worker: how soon it takes a task when it is idle, and the next one when it is busy."""
    fleet.open(servers=1, workers=1)
    _finish(fleet, fleet.submit(5, seconds=0))  # warm
    idle = []
    for _ in range(30):
        ids = fleet.submit(1, seconds=0)
        _finish(fleet, ids)
        row = fleet.row(ids[0])
        idle.append(_milliseconds(row["created_at"], row["started_at"]))
    ids = fleet.submit(60, seconds=RENDER_SECONDS)
    _finish(fleet, ids)
    with reading(fleet.database) as connection:
        query = select(tasks.c.started_at, tasks.c.ended_at).where(tasks.c.id.in_(ids)).order_by(tasks.c.started_at)
        rows = connection.execute(query).all()
    gaps = [_milliseconds(before.ended_at, after.started_at) for before, after in pairwise(rows)]
    return [
        Figure("idle worker: created to claimed, p50", statistics.median(idle), "ms"),
        Figure("idle worker: created to claimed, p95", service.percentile(idle, 0.95), "ms"),
        Figure("busy worker: end of a task to the next one's claim, p50", statistics.median(gaps), "ms", "< 20"),
        Figure("busy worker: end of a task to the next one's claim, p95", service.percentile(gaps, 0.95), "ms"),
    ]


def throughput(fleet: Fleet) -> list[Figure]:
    """Renders of a known length by 1, 2 and 4 worker processes."""
    fleet.open(servers=1, workers=0)
    figures = []
    for count in (1, 2, 4):
        worker = fleet.worker(concurrency=count)
        fleet.wait_for_workers(count)
        _finish(fleet, fleet.submit(2 * count, seconds=0))
        began = time.perf_counter()
        ids = fleet.submit(20 * count, seconds=RENDER_SECONDS)
        _finish(fleet, ids)
        rate = len(ids) / (time.perf_counter() - began)
        figures.append(Figure(f"{count} worker processes, renders of {RENDER_SECONDS} s", rate, "tasks/s"))
        fleet.retire(worker)
    return figures


def latency(fleet: Fleet) -> list[Figure]:
    """Create and poll at 200 requests a second, shared by three API processes on one database."""
    fleet.open(servers=SERVERS, workers=0)
    data_dir = fleet.folder / "desk"
    store = open_tasks(Settings(data_dir=data_dir, database_url=fleet.postgresql.url()))
    stored = service.fill_store(store)
    service.RATE //= SERVERS

    async def load() -> tuple[list[float], list[float]]:
        parts = await asyncio.gather(*(service.load(server.url, fleet.key(), stored) for server in fleet.servers))
        return [ms for part in parts for ms in part[0]], [ms for part in parts for ms in part[1]]

    asyncio.run(load())  # warm
    creates, polls = asyncio.run(load())
    return [
        Figure(f"create p50, {SERVERS} API processes, {len(stored):,} stored tasks", statistics.median(creates), "ms"),
        Figure("create p99", service.percentile(creates, 0.99), "ms", "< 50"),
        Figure("poll p50", statistics.median(polls), "ms"),
        Figure("poll p99", service.percentile(polls, 0.99), "ms", "< 15"),
    ]


def _finish(fleet: Fleet, ids: list[str]) -> None:
    fleet.settle(ids, work=600)


def _milliseconds(begin: object, end: object) -> float:
    return 1000 * (end - begin).total_seconds()  # type: ignore[operator]


def main() -> None:
    """Runs the parts that are named, or all."""
    suites: dict[str, Callable[[Fleet], list[Figure]]] = {"overhead": overhead, "throughput": throughput, "latency": latency}
    print(f"Machine: {machine()}\n")
    for name in sys.argv[1:] or suites:
        folder = Path(tempfile.mkdtemp(prefix="spark-avatar-bench-"))
        fleet = Fleet(folder, wired=False)
        try:
            print(table(f"Fleet: {name}", suites[name](fleet)), flush=True)
        finally:
            fleet.close()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
