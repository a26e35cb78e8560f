"""What the tests of the use cases share: the real store and storage, and an engine of their own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from current_sqlite import current_sqlite
from plain_engine import PlainEngine

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.database.engine import open_database
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.media.limits import MediaLimits
from spark_avatar.pipeline import Pipeline
from spark_avatar.schemas.generation import GenerationRequest
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.admission import Admission
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.http_source import HttpSource
from spark_avatar.service.inputs import RequestInputs
from spark_avatar.service.leases import LeaseWatch
from spark_avatar.service.models import PICTURE_OMNI, ModelCatalog, picture_omni
from spark_avatar.service.prices import Price, PriceList
from spark_avatar.service.recovery import Recovery
from spark_avatar.service.runner import TaskRunner
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.staging import SqlStagedTasks
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import Task

CALLER = Caller(account_id=AccountId("ada"), key_id="key-1", key_name="laptop")
STRANGER = Caller(account_id=AccountId("bob"), key_id="key-2", key_name="tablet")


class CountingDispatcher:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.woken = 0

    def start(self) -> None:
        pass

    def wake(self, engine: str) -> None:
        self.woken += 1

    def top_up(self, waiting: dict[str, int]) -> None:
        pass

    def look_again(self) -> None:
        pass

    def ready(self) -> bool:
        return True

    def stop(self, *, grace_seconds: float) -> None:
        pass


@dataclass
class ManualClock:
    """Stands still until it is moved."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class House:
    """Everything behind the use cases, in one folder."""

    def __init__(self, folder: Path, *, max_queued: int = 10, max_queued_of_account: int = 100) -> None:
        self.database = open_database(current_sqlite(folder / "tasks.db"))
        self.folder = folder
        self.work_dir = folder / "work"
        self.store = SqlTaskStore(self.database, SqlBookkeeper())
        self.storage = ObjectStorage(str(folder / "files"))
        self.signer = LinkSigner(b"s" * 32)
        self.clock = ManualClock()
        self.engine = PlainEngine()
        self.engines = EngineRegistry({"plain": lambda: self.engine})
        self.catalog = ModelCatalog([picture_omni("plain")], self.engines)
        self.prices = PriceList(Price(per_second=Decimal("0.0123")))
        self.limits = MediaLimits(image_bytes=100_000, audio_bytes=500_000)
        self.dispatcher = CountingDispatcher()
        self.fetcher = InputFetcher(HttpSource(AllowList()), self.storage, self.signer, self.limits, seconds=5, clock=self.clock)
        self.staged = SqlStagedTasks(self.database)
        self.inputs = RequestInputs(self.storage, self.limits, self.staged)
        self.tasks = TaskService(self.store, TaskFiles(self.storage), clock=self.clock)
        self.generation = GenerationService(
            self.store,
            self.dispatcher,
            self.catalog,
            inputs=self.inputs,
            prices=self.prices,
            limits=self.limits,
            admission=Admission(self.store, max_queued, max_queued_of_account),
            clock=self.clock,
        )
        self.seconds = 0.0
        leases = LeaseWatch(15, monotonic=lambda: self.seconds)
        self.recovery = Recovery(self.store, self.storage, self.work_dir, max_attempts=3, leases=leases, clock=self.clock)
        self.must_stop = False

    def runner(self, worker: str = "server/1", **changes: object) -> TaskRunner:
        settings: dict[str, object] = {
            "store": self.store,
            "storage": self.storage,
            "fetcher": self.fetcher,
            "pipeline": Pipeline(self.engines, self.limits),
            "catalog": self.catalog,
            "prices": self.prices,
            "work_dir": self.work_dir,
            "worker": worker,
            "must_stop": lambda: self.must_stop,
            "clock": self.clock,
        }
        return TaskRunner(**{**settings, **changes})  # type: ignore[arg-type]

    def submit(self, **params: object) -> Task:
        return self.generation.submit(request(**params), caller=CALLER, request_id="request-1")

    def task(self, task: Task) -> Task:
        return self.store.get(task.id)

    def sweep(self, *, seconds: float) -> None:
        """Sweeps every five seconds, as a server does, for so long."""
        self.recovery.sweep()
        for _ in range(int(seconds / 5)):
            self.seconds += 5
            self.recovery.sweep()

    def outputs(self) -> list[str]:
        return sorted(stored.key for stored in self.storage.list("outputs"))

    def scratch(self) -> list[str]:
        return sorted(path.name for path in self.work_dir.iterdir()) if self.work_dir.exists() else []


def request(**params: object) -> GenerationRequest:
    """A request for the talking portrait; both addresses are given unless said otherwise."""
    given = {"image_url": "https://example.org/face.jpg", "audio_url": "https://example.org/speech.wav", **params}
    return GenerationRequest(model=PICTURE_OMNI, params={name: value for name, value in given.items() if value != "omit"})
