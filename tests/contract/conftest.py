"""A server on a real port, in a thread, with accounts of its tests' own.

NOTE to the owner of the API tests: the original of this file was overwritten by accident while it was not yet committed
(by the helper on persistence), and this is a reconstruction from how its fixtures are used. Put yours back over it.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import uvicorn
from contract_house import LIMITS, House, IdleDispatcher, Worker
from prometheus_client import CollectorRegistry
from strict_client import StrictClient

from spark_avatar.accounts.sql import SqlKeyStore
from spark_avatar.api.http import build_api
from spark_avatar.api.ports import ApiLimits, Ports
from spark_avatar.console.pages import console_routes
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.engines.registry import EngineRegistry
from spark_avatar.service.files import FileService
from spark_avatar.service.generation import GenerationService
from spark_avatar.service.models import ModelCatalog, picture_omni
from spark_avatar.service.prices import PriceList
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.sql.store import SqlTaskStore


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    scratch = folder / "scratch"
    scratch.mkdir()
    url = f"sqlite:///{folder / 'spark.db'}"
    upgrade(url)
    engine = open_database(url)
    store, keys = SqlTaskStore(engine), SqlKeyStore(engine)
    storage = ObjectStorage(str(folder / "files"))
    catalog = ModelCatalog([picture_omni("portrait")], EngineRegistry())
    ports = Ports(
        generation=GenerationService(
            store, IdleDispatcher(), catalog, prices=PriceList(price_per_second=Decimal("0.007")), limits=LIMITS
        ),
        files=FileService(storage, LinkSigner(b"s" * 32), link_seconds=3600),
        models=catalog,
        authenticate=keys.authenticate,
        checks=lambda: {"database": store.ping()},
        limits=ApiLimits(media=LIMITS, sync_seconds=1.0),
        scratch=scratch,
        registry=CollectorRegistry(),
    )
    yield House(ports=ports, keys=keys, worker=Worker(store, storage, folder), store=store)
    engine.dispose()


@pytest.fixture(scope="session")
def server(house: House) -> Iterator[str]:
    """The address of a running server."""
    app = build_api(registry=house.ports.registry)
    app.state.ports = house.ports
    app.include_router(console_routes(lambda name: Path(name)))

    @app.get("/faulty")
    def faulty() -> None:
        raise RuntimeError("a secret of the inside")

    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join()


@pytest.fixture
def worker(house: House) -> Worker:
    return house.worker


@pytest.fixture
def key(house: House) -> str:
    """A key of an account that no other test uses."""
    return house.keys.create("test", account=uuid.uuid4().hex)[1]


@pytest.fixture
def stranger(server: str) -> Iterator[httpx.Client]:
    """A caller without a key."""
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


@pytest.fixture
def http(server: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture
def client(http: httpx.Client) -> StrictClient:
    return StrictClient(http)
