"""Small inputs that need no network, as data: URLs."""

import base64
import io
import wave

import numpy as np
from PIL import Image


def image_data_url() -> str:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 60)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def audio_data_url() -> str:
    """0.8 s of a tone."""
    return tone_data_url(0.8)


def tone_data_url(seconds: float) -> str:
    """A tone of this length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((np.sin(np.arange(int(8000 * seconds)) * 0.3) * 9000).astype(np.int16).tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()
