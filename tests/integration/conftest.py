import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_urls import audio_data_url, image_data_url


@pytest.fixture(scope="session")
def image_url() -> str:
    return image_data_url()


@pytest.fixture(scope="session")
def audio_url() -> str:
    return audio_data_url()


def _missing() -> str:
    from fleet_servers import RABBITMQ, postgresql_programs

    if postgresql_programs() is None:
        return "PostgreSQL's programs (initdb, postgres) are not installed"
    if not RABBITMQ.exists() or shutil.which("epmd") is None:
        return "RabbitMQ is not installed"
    return ""


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of the test's own."""
    pytest.importorskip("redis", reason="shared limits are not tested: Redis' client is not installed")
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail("shared limits cannot be tested: redis-server is not installed")
        pytest.skip("shared limits are not tested: redis-server is not installed")
    from fleet_servers import RedisServer

    server = RedisServer(tmp_path / "redis")
    yield server.url
    server.stop()


@pytest.fixture
def fleet(shared_fleet) -> Iterator[object]:
    """The fleet of all tests. After each it must be at work again by itself; then it is mended for the next."""
    yield shared_fleet
    try:
        shared_fleet.wait_until_whole()
    finally:
        shared_fleet.mend()


@pytest.fixture(scope="session")
def shared_fleet() -> Iterator[object]:
    """Two API servers and two workers, started at once on an empty database, for all tests that hurt them."""
    pytest.importorskip("celery", reason="faults are not tested: Celery is not installed")
    if missing := _missing():
        if os.environ.get("CI"):
            pytest.fail(f"faults cannot be tested: {missing}")
        pytest.skip(f"faults are not tested: {missing}")
    from fleet_house import Fleet

    folder = Path(tempfile.mkdtemp(prefix="spark-avatar-fleet-"))  # where PostgreSQL's user may go too
    house = Fleet(folder)
    try:
        house.open(servers=2, workers=2)
        yield house
    finally:
        house.close()
        shutil.rmtree(folder, ignore_errors=True)
