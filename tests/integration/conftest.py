import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from not_here import not_here
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
    if shutil.which("redis-server") is None:
        not_here("shared limits", "redis-server is not installed")
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
    if missing := _missing():
        not_here("faults", missing)
    from fleet_house import Fleet

    folder = Path(tempfile.mkdtemp(prefix="spark-avatar-fleet-"))  # where PostgreSQL's user may go too
    house = Fleet(folder)
    try:
        house.open(servers=2, workers=2)
        yield house
    finally:
        house.close()
        shutil.rmtree(folder, ignore_errors=True)
