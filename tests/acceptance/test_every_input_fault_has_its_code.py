"""Bad inputs through the running API: the contract's code, a message that helps, nothing left behind."""

import io
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image
from skimage import data

from acceptance.conftest import RATE, Server, body, finish, write_wav
from spark_avatar.media.audio import read_samples
from spark_avatar.media.samples import sample_speech

GOOD_IMAGE, GOOD_AUDIO = "portrait.png", "word.wav"


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its data is a handful of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def astronaut_jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(data.astronaut()).save(file, "JPEG", quality=90)
    return file.getvalue()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def lying_wav(path: Path) -> None:
    """0.1 s of sound under a header that claims an hour."""
    write_wav(path, np.zeros(RATE // 10), RATE)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 3600 * RATE * 2)
    path.write_bytes(content)


def video_without_sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))


def long_silence(path: Path) -> None:
    """12 minutes at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(np.random.default_rng(1).integers(120, 136, 720 * 8000, dtype=np.uint8).tobytes())


IMAGES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "page.jpg": (lambda: b"<!doctype html><html><body>Sign in to see this picture</body></html>", "003016013", "HTML"),
    "truncated.jpg": (lambda: astronaut_jpeg()[:20_000], "003016013", ""),
    "empty.png": (lambda: b"", "003016013", "empty"),
    "large.png": (lambda: encoded(noise(1500, 1400), "PNG"), "003016011", "MiB"),
    "wide.png": (lambda: encoded(Image.new("RGB", (5000, 5000)), "PNG"), "003016012", "5000"),
    "bomb.png": (lambda: png_header(50_000, 50_000), "003016012", "50000"),
    "drawing.svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "003016013", "SVG"),
    "noise.png": (lambda: encoded(noise(400, 400), "PNG"), "003016014", "face"),
    "cat.png": (lambda: encoded(Image.fromarray(data.cat()), "PNG"), "003016014", "face"),
    "profile.png": (lambda: encoded(Image.fromarray(data.camera()), "PNG"), "003016014", "turned"),
}

AUDIOS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "silent.wav": (lambda path: write_wav(path, np.zeros(2 * RATE), RATE), "003016023", "silent"),
    "short.wav": (lambda path: write_wav(path, np.sin(np.arange(RATE // 10) * 0.2) * 0.5, RATE), "003016022", "0.1"),
    "mute.mp4": (video_without_sound, "003016022", "sound"),
    "notes.wav": (lambda path: path.write_text("This is a text and no recording. " * 40), "003016022", "text"),
    "lying.wav": (lying_wav, "003016022", "0.1"),
    "long.wav": (long_silence, "003016021", "720"),
    "none.wav": (lambda path: path.write_bytes(b""), "003016022", "empty"),
}


MEASURED: dict[str, tuple[str, object]] = {
    "large.png": ("image_bytes", None),
    "wide.png": ("image_width", 5000),
    "bomb.png": ("image_width", 50_000),
    "long.wav": ("audio_seconds", None),
    "silent.wav": ("audio_peak_db", None),
}
"""A fact that the failed task's metadata must hold, and its value where it is known beforehand."""


def assert_measured(name: str, task: dict) -> None:
    if name in MEASURED:
        fact, value = MEASURED[name]
        assert fact in task["metadata"], task["metadata"]
        assert value is None or task["metadata"][fact] == value


def failed(server: Server, key: str, image: str, audio: str, **params: object) -> dict:
    with server.client(key) as client:
        created = client.post("/model/v1/generation", json=body(image, audio, **params))
        assert created.status_code == 200, created.text
        task = finish(client, created.json()["id"])
    assert task["status"] == "failed", task
    assert "output" not in task
    assert task["error"]["message"] == task["error"]["error_message"]
    for leak in ("Traceback", str(server.data_dir), "/site-packages/"):
        assert leak not in task["error"]["message"]
    work = server.data_dir / "work"
    assert not work.exists() or not any(work.iterdir())
    left = [path for path in server.data_dir.rglob("*") if task["id"] in path.name]
    assert not [path for path in left if path.parts[-3] != "inputs"]  # what came inside the request stays with the task
    return task


@pytest.mark.parametrize("name", IMAGES)
def test_a_picture_that_cannot_be_used(name: str, server: Server, key: str, host: str, media: Path) -> None:
    make, code, words = IMAGES[name]
    (media / name).write_bytes(make())
    task = failed(server, key, f"{host}/{name}", f"{host}/{GOOD_AUDIO}")
    assert_measured(name, task)
    assert task["error"]["code"] == code
    assert words in task["error"]["message"]


@pytest.mark.parametrize("name", AUDIOS)
def test_a_recording_that_cannot_be_used(name: str, server: Server, key: str, host: str, media: Path) -> None:
    make, code, words = AUDIOS[name]
    make(media / name)
    task = failed(server, key, f"{host}/{GOOD_IMAGE}", f"{host}/{name}")
    assert_measured(name, task)
    assert task["error"]["code"] == code, task["error"]
    assert words in task["error"]["message"]


@pytest.mark.parametrize(
    ("image", "code", "words"),
    [
        ("{host}/status/404", "003016097", "404"),
        ("{host}/status/500", "003016097", "500"),
        ("http://127.0.0.1:1/portrait.png", "003016097", "127.0.0.1"),
        ("http://nowhere.invalid/portrait.png", "003016097", "nowhere.invalid"),
        ("http://10.0.0.1/portrait.png", "003016003", "10.0.0.1"),
        ("http://[::1]/portrait.png", "003016003", "::1"),
        ("data:image/png;base64,aGVsbG8gd29ybGQ=", "003016013", ""),
    ],
)
def test_an_address_that_gives_no_picture(image: str, code: str, words: str, server: Server, key: str, host: str) -> None:
    task = failed(server, key, image.format(host=host), f"{host}/{GOOD_AUDIO}")
    assert task["error"]["code"] == code, task["error"]
    assert words in task["error"]["message"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"audio_url": "https://example.org/a.wav"}, "003016001"),
        ({"image_url": "", "audio_url": "https://example.org/a.wav"}, "003016001"),
        ({"image_url": "   ", "audio_url": "https://example.org/a.wav"}, "003016001"),
        ({"image_url": None, "audio_url": "https://example.org/a.wav"}, "003016001"),
        ({"image_url": "https://example.org/a.png"}, "003016002"),
        ({"image_url": 7, "audio_url": "https://example.org/a.wav"}, "003016003"),
        ({"image_url": "https://example.org/a.png", "audio_url": ["x"]}, "003016004"),
        ({"image_url": "ftp://example.org/a.png", "audio_url": "https://example.org/a.wav"}, "003016003"),
        ({"image_url": "https://example.org/a.png", "audio_url": "https://example.org/a.wav", "fps": 13}, "invalid_parameter"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused_at_once(params: dict, code: str, server: Server, key: str) -> None:
    with server.client(key) as client:
        answer = client.post("/model/v1/generation", json={"model": "spark_avatar_picture_omni_v2", **params})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def clipped(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples * 30, -1, 1)


@pytest.mark.parametrize(
    "kind", ["8 kHz", "96 kHz 5.1", "video with sound", "truncated mp3", "animated gif", "three faces", "clipped"]
)
def test_odd_inputs_that_work(kind: str, server: Server, key: str, host: str, media: Path) -> None:
    speech = read_samples(sample_speech(), rate=RATE)[: int(1.5 * RATE)]
    image, audio = GOOD_IMAGE, GOOD_AUDIO
    if kind == "8 kHz":
        write_wav(media / (audio := "phone.wav"), speech[::2], 8000)
    elif kind == "96 kHz 5.1":
        write_wav(media / (audio := "surround.wav"), np.repeat(np.repeat(speech, 6)[:, None], 6, axis=1), 96_000)
    elif kind == "clipped":
        write_wav(media / (audio := "clipped.wav"), clipped(speech), RATE)
    elif kind in ("video with sound", "truncated mp3"):
        name, codec = ("clip.mp4", "aac") if kind == "video with sound" else ("cut.mp3", "libmp3lame")
        with av.open(str(media / name), "w") as container:
            stream = container.add_stream(codec, rate=RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(speech[None].astype(np.float32), format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if name == "cut.mp3":
            whole = (media / name).read_bytes()
            (media / name).write_bytes(whole[: len(whole) * 2 // 3])
        audio = name
    elif kind == "animated gif":
        first = Image.fromarray(data.astronaut())
        (media / (image := "moving.gif")).write_bytes(
            encoded(first, "GIF", save_all=True, append_images=[Image.new("RGB", (512, 512))])
        )
    elif kind == "three faces":
        portrait = Image.fromarray(data.astronaut()[:300, 100:360])
        group = Image.new("RGB", (860, 420), "white")
        for place, scale in ((0, 0.9), (250, 1.4), (620, 0.8)):
            group.paste(portrait.resize((int(260 * scale), int(300 * scale))), (place, 0))
        group.save(media / (image := "group.png"))
    with server.client(key) as client:
        created = client.post("/model/v1/generation", json=body(f"{host}/{image}", f"{host}/{audio}"))
        task = finish(client, created.raise_for_status().json()["id"])
    assert task["status"] == "completed", task
    told = {warning["code"] for warning in task["metadata"]["warnings"]}
    expected = {"8 kHz": "audio_low_rate", "three faces": "several_faces", "clipped": "audio_clipping"}
    assert expected.get(kind, "nothing") in told | {"nothing"}


def test_the_server_is_well_after_all_that(server: Server) -> None:
    assert httpx.get(f"{server.url}/readyz").status_code == 200
