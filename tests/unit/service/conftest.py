from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_urls import audio_data_url, image_data_url
from service_house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.database.dispose()


@pytest.fixture(scope="session")
def image_url() -> str:
    return image_data_url()


@pytest.fixture(scope="session")
def audio_url() -> str:
    return audio_data_url()
