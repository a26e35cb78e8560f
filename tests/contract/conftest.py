"""A real server on a free port, with storage and each of the databases. The tests play the worker: no engine runs."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import uvicorn
from argon2.profiles import CHEAPEST
from contract_house import LIMITS, House, IdleDispatcher, Worker
from own_postgresql import new_postgresql
from strict_client import StrictClient

from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.accounts.passwords import Passwords
from spark_avatar.accounts.sql.account_records import SqlAccountRecords
from spark_avatar.api.http import build_api
from spark_avatar.api.metrics import QueueCollector, StageCollector
from spark_avatar.api.ports import ApiLimits, Ports
from spark_avatar.app.accounts import account_services, key_store, known_models
from spark_avatar.app.billing import billing_of
from spark_avatar.app.console import install_dead_link, install_not_found, visitor_of
from spark_avatar.app.server import install_database_answers
from spark_avatar.config import Settings
from spark_avatar.console.console import Console
from spark_avatar.console.routes import console_routes
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.dispatch.sql_roster import SqlRoster
from spark_avatar.engines.configured import EngineFinding
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.admission import Admission
from spark_avatar.service.analysis import AnalysisService
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.files import FileService
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.helper_process import HelperProcess
from spark_avatar.service.http_sender import HttpSender
from spark_avatar.service.http_source import HttpSource
from spark_avatar.service.inputs import RequestInputs
from spark_avatar.service.models import ModelCatalog, picture_omni
from spark_avatar.service.prices import Price, PriceList
from spark_avatar.service.system import SystemService
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.service.verification import VerificationService
from spark_avatar.service.webhook_endpoints import WebhookEndpoints
from spark_avatar.service.webhooks import WebhookDeliverer, WebhookSigner
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.deliveries import SqlDeliveryStore
from spark_avatar.tasks.sql.endpoints import SqlEndpointStore
from spark_avatar.tasks.sql.search import task_beginning_with
from spark_avatar.tasks.sql.staging import SqlStagedTasks
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.sql.totals import SqlStageTotals

_accounts = itertools.count()
LOCAL = AllowList.parse(("127.0.0.1/32",))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def service_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of the server's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'database.sqlite3'}"
    else:
        with new_postgresql() as url:
            yield url


@pytest.fixture(scope="session")
def house(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    upgrade(service_url)
    engine = open_database(service_url)
    store, keys, storage = SqlTaskStore(engine, SqlBookkeeper()), key_store(engine), ObjectStorage(str(folder / "files"))
    catalog = ModelCatalog([picture_omni("portrait")], EngineRegistry())
    prices = PriceList(Price(per_second=Decimal("0.007")))
    (folder / "scratch").mkdir()
    accounts = account_services(Settings(), engine, keys, known_models(catalog), Passwords(CHEAPEST))
    deliverer = WebhookDeliverer(
        SqlDeliveryStore(engine), SqlEndpointStore(engine), store, HttpSender(LOCAL), WebhookSigner(bytes(32)), accounts.audit
    )
    inputs, helper, verifier = RequestInputs(storage, LIMITS, SqlStagedTasks(engine)), HelperProcess(), HelperProcess()
    ports = Ports(
        generation=GenerationService(
            store, IdleDispatcher(), catalog, inputs=inputs, admission=Admission(store), prices=prices, limits=LIMITS
        ),
        analysis=AnalysisService(
            InputFetcher(HttpSource(LOCAL), storage, LinkSigner(bytes(32)), LIMITS), helper, LIMITS, folder / "scratch"
        ),
        verification=VerificationService(
            verifier, lambda beginning, account_id: task_beginning_with(engine, beginning, account_id=account_id)
        ),
        system=SystemService(
            store,
            SqlRoster(engine),
            lambda: {"database": True},
            {"Spark Avatar": "test"},
            lambda: [EngineFinding("e", "s", True, "")],
        ),
        webhooks=deliverer,
        tasks=TaskService(store, TaskFiles(storage)),
        files=FileService(storage, LinkSigner(bytes(32)), link_seconds=600),
        models=catalog,
        authenticate=accounts.bearers.authenticate,
        accounts=accounts,
        billing=billing_of(Settings(), engine),
        account_data=AccountData(SqlAccountRecords(engine), TaskService(store, TaskFiles(storage)), storage, accounts.audit),
        webhook_endpoints=WebhookEndpoints(deliverer.endpoints, deliverer.deliveries, deliverer.signer, accounts.audit),
        checks=lambda: {"database": store.ping(), "workers": True},
        limits=ApiLimits(LIMITS, sync_seconds=4.0),
        started=lambda: True,
        scratch=folder / "scratch",
    )
    ports.registry.register(QueueCollector(lambda: store.queue_facts(now=datetime.now(UTC))))
    ports.registry.register(StageCollector(SqlStageTotals(engine).totals))
    yield House(ports, keys, Worker(store, storage, folder), store)
    helper.stop()
    verifier.stop()
    engine.dispose()


@pytest.fixture(scope="session")
def server(house: House) -> Iterator[str]:
    """The address of the running server."""
    app = build_api(registry=house.ports.registry)
    app.state.ports = house.ports
    install_database_answers(app)
    console = Console(visitor_of)
    app.include_router(console_routes(console, lambda name: Path(name)))
    install_not_found(app, console)
    install_dead_link(app, console)

    @app.get("/faulty", include_in_schema=False)
    def faulty() -> None:
        raise RuntimeError("/secret/path")

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        while not running.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        thread.join()


@pytest.fixture
def key(house: House) -> str:
    """A key of an account of this test's own."""
    return house.keys.create("test", account=f"account-{next(_accounts)}")[1]


@pytest.fixture
def stranger(server: str) -> Iterator[httpx.Client]:
    """Calls without a key."""
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


@pytest.fixture
def http(server: str, key: str) -> Iterator[httpx.Client]:
    """Calls with a key."""
    with httpx.Client(base_url=server, timeout=30, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture
def client(http: httpx.Client) -> StrictClient:
    return StrictClient(http)


@pytest.fixture
def worker(house: House) -> Worker:
    return house.worker
