"""A real server in a process of its own, and a host that serves the inputs."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from own_postgresql import new_postgresql

from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.database.engine import open_database
from spark_avatar.media.audio import read_samples
from spark_avatar.media.samples import sample_portrait, sample_speech

MODEL = "spark_avatar_picture_omni_v2"
RATE = 16_000
START_SECONDS = 120
"""Patience, not a measure: `benchmarks/` says how long a start takes."""


class Server:
    """`spark-avatar serve` on a free port, with its data folder."""

    def __init__(self, data_dir: Path, *, workers: int = 1, **settings: str) -> None:
        self.data_dir = data_dir
        self._environment = {
            **os.environ,
            "SPARK_AVATAR_DATA_DIR": str(data_dir),
            "SPARK_AVATAR_FETCH_ALLOW": "127.0.0.1/32",
            "SPARK_AVATAR_WORKERS": str(workers),
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.url = ""

    def start(self) -> "Server":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "spark_avatar", "serve", "--port", str(port)]
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the server did not get ready:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    def key(self, name: str = "test", account: str = "default") -> str:
        """A new key, made beside the running server as `spark-avatar keys create` does, without the start of another Python."""
        usual = f"sqlite:///{self.data_dir / 'spark-avatar.sqlite3'}"
        database = open_database(self._environment.get("SPARK_AVATAR_DATABASE_URL", usual))
        _, secret = SqlKeyStore(database).create(name, account=account)
        database.dispose()
        return secret

    def run(self, *words: str) -> str:
        """What a command prints that is called beside the running server."""
        command = [sys.executable, "-m", "spark_avatar", *words]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def body(image: str, audio: str, **params: object) -> dict[str, object]:
    """A wrapped create body; small and quick to render unless told otherwise."""
    return {
        "model": MODEL,
        "input": [{"params": {"image_url": image, "audio_url": audio, "resolution": "360p", "seed": 1, **params}}],
    }


def finish(client: httpx.Client, task_id: str, *, seconds: float = 180) -> dict:
    """Polls until the task has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        task = client.get(f"/model/v1/generation/task/{task_id}").raise_for_status().json()
        if task["status"] != "in_progress":
            return task
        time.sleep(0.1)
    raise AssertionError(f"still in progress after {seconds} s: {task}")


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait and short recordings: `portrait.png`, `speech.wav` (2 s), `word.wav` (1 s)."""
    folder = tmp_path_factory.mktemp("media")
    sample_portrait(folder / "portrait.png")
    samples = read_samples(sample_speech(), rate=RATE)
    for name, seconds in (("speech.wav", 2), ("word.wav", 1)):
        write_wav(folder / name, samples[: seconds * RATE], RATE)
    return folder


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Mono or (n, channels) float samples as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


class _Handler(SimpleHTTPRequestHandler):
    """Serves the media folder; `/status/404` answers with that status; says nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/status/"):
            self.send_error(int(self.path.rsplit("/", 1)[1]))
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def host(media: Path) -> Iterator[str]:
    """URL of a host that serves the media folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(media)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running server for tests that do not harm it."""
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def key(server: Server) -> str:
    """A key of the shared server."""
    return server.key()


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[str]:
    """A database of the module's own."""
    with new_postgresql() as url:
        yield url
