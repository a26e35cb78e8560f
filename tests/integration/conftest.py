import pytest
from sample_urls import audio_data_url, image_data_url


@pytest.fixture(scope="session")
def image_url() -> str:
    return image_data_url()


@pytest.fixture(scope="session")
def audio_url() -> str:
    return audio_data_url()
