"""A whole server without HTTP: store, storage, recovery, workers with a slow engine. Run as a script; writes `ready`."""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from plain_engine import PlainEngine

from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.database.engine import open_database
from spark_avatar.dispatch.control import WorkerControl
from spark_avatar.dispatch.in_process import InProcessDispatcher, WorkerEnd
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.dispatch.worker_loop import run_worker
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.media.limits import MediaLimits
from spark_avatar.pipeline import Pipeline
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.http_source import HttpSource
from spark_avatar.service.models import ModelCatalog, picture_omni
from spark_avatar.service.prices import PriceList
from spark_avatar.service.recovery import Recovery
from spark_avatar.service.runner import TaskRunner
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.staging import SqlStagedTasks
from spark_avatar.tasks.sql.store import SqlTaskStore

RENDER_SECONDS = 0.6
DEADLY = -1.0
"""As long takes a render that kills its process."""


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'tasks.db'}"


def open_store(folder: Path) -> SqlTaskStore:
    return SqlTaskStore(open_database(database_url(folder)), SqlBookkeeper())


def open_storage(folder: Path) -> ObjectStorage:
    return ObjectStorage(str(folder / "files"))


def open_staged(folder: Path) -> SqlStagedTasks:
    return SqlStagedTasks(open_database(database_url(folder)))


def catalog(engines: EngineRegistry) -> ModelCatalog:
    return ModelCatalog([picture_omni("slow")], engines)


def slow(job, monitor, *, seconds: float) -> None:
    """Leaves scratch files about while it works."""
    (job.workdir / "scratch").write_bytes(bytes(100_000))
    if seconds == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    for step in range(20):
        time.sleep(seconds / 20)
        monitor.checkpoint()
        monitor.progress(step / 20, "slow")


def engines(seconds: float) -> EngineRegistry:
    return EngineRegistry({"slow": partial(PlainEngine, during=partial(slow, seconds=seconds))})


def work(name: str, control: WorkerControl, folder: Path, seconds: float) -> None:
    storage, registry = open_storage(folder), engines(seconds)
    runner = TaskRunner(
        store=open_store(folder),
        storage=storage,
        fetcher=InputFetcher(HttpSource(AllowList()), storage, LinkSigner(b"s" * 32)),
        pipeline=Pipeline(registry, MediaLimits()),
        catalog=catalog(registry),
        prices=PriceList(),
        work_dir=folder / "work",
        worker=name,
        must_stop=lambda: control.aborting,
        lease_seconds=300,  # longer than the tests are patient: nothing here may wait for a lease
    )
    run_worker(runner.claim, runner.run, control)


def main(folder: Path, seconds: float) -> None:
    recovery = Recovery(open_store(folder), open_storage(folder), folder / "work", max_attempts=3)

    def on_end(name: str, end: WorkerEnd) -> None:
        recovery.worker_ended(name, overdue=end is WorkerEnd.OVERDUE, counted=end is not WorkerEnd.STOPPED)

    presence = ServerPresence(folder / "servers")
    presence.bury_dead(recovery.server_ended)
    recovery.sweep()
    dispatcher = InProcessDispatcher(work, (folder, seconds), workers=2, prefix=presence.server_id, on_end=on_end)
    dispatcher.start()
    while not dispatcher.ready():
        time.sleep(0.01)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test closes it
    dispatcher.stop(grace_seconds=0)
    presence.withdraw()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
