import base64
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from service_house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.database.dispose()


@pytest.fixture(scope="session")
def image_url() -> str:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 60)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="session")
def audio_url() -> str:
    """0.8 s of a tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((np.sin(np.arange(6400) * 0.3) * 9000).astype(np.int16).tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()
