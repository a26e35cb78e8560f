"""Create and poll at 200 requests a second against a running server with 10,000 stored tasks, with all that a create call may
ask for: a prepaid account with a price, so that every task sets money aside; a key with a rate limit and a monthly budget of its
own; an idempotency key and a webhook for every task, and an endpoint of the workspace; rate limits and audit as by default.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
from connections import Connections

from figures import Figure
from spark_avatar.app.openings import open_tasks
from spark_avatar.config import Settings
from spark_avatar.schemas.identity import AccountId
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import Task, TaskId, TaskRequest

MODEL = "spark_avatar_picture_omni_v2"
STORED = 10_000
RATE = 200
SECONDS = 10
_USER_TICKS, _SYSTEM_TICKS = 11, 12
"""Places in `/proc/PID/stat` (proc(5), fields 14 and 15), counted from the first field after the command's name."""
PAID = {"SPARK_AVATAR_BILLING": "prepaid", "SPARK_AVATAR_PRICE_PER_SECOND": "0.007"}
LIMITED_KEY = ("--rate", "1000000/minute", "--budget", "1000000", "--scope", "generate", "--scope", "read", "--scope", "admin")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A running server."""

    url: str
    start_seconds: float
    """Until it answered /readyz."""
    process_id: int

    @property
    def processor_seconds(self) -> float:
        """What its process has used of the processors so far, in all of its threads."""
        times = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(times[_USER_TICKS]) + int(times[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(data_dir: Path, *, workers: int, **settings: str) -> Iterator[Running]:
    """A server of its own process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    serve = [sys.executable, "-m", "spark_avatar", "serve", "--port", str(port), "--log-level", "warning"]
    environment = {**os.environ, **settings, "SPARK_AVATAR_DATA_DIR": str(data_dir), "SPARK_AVATAR_WORKERS": str(workers)}
    environment["SPARK_AVATAR_MAX_QUEUED"] = environment["SPARK_AVATAR_MAX_QUEUED_PER_ACCOUNT"] = "1000000"
    process = subprocess.Popen(serve, env=environment)
    try:
        while True:
            try:
                if httpx.get(f"{url}/readyz" if workers else f"{url}/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise SystemExit("the server did not start")
            time.sleep(0.02)
        yield Running(url, time.perf_counter() - began, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def command(data_dir: Path, *words: str) -> str:
    """What a command prints."""
    whole = [sys.executable, "-m", "spark_avatar", *words, "--data-dir", str(data_dir)]
    return subprocess.run(whole, check=True, capture_output=True, text=True).stdout.strip()


def make_key(data_dir: Path, account: str = "default", *terms: str) -> str:
    """A key for the benchmark."""
    return command(data_dir, "keys", "create", "--name", "benchmark", "--account", account, *terms)


def fill(data_dir: Path) -> list[str]:
    """Stores the tasks that are there before the load comes; without workers they stay as they are."""
    return fill_store(open_tasks(Settings(data_dir=data_dir)))


def fill_store(store: SqlTaskStore) -> list[str]:
    """The same, in any store."""
    began = datetime.now(UTC) - timedelta(days=1)
    identifiers = [f"stored-{number}" for number in range(STORED)]
    for number, identifier in enumerate(identifiers):
        request = TaskRequest(MODEL, "https://example.org/a.jpg", "https://example.org/b.wav")
        store.add(Task(TaskId(identifier), AccountId("default"), "key", request, began + timedelta(seconds=number)))
    return identifiers


async def load(url: str, key: str, stored: list[str]) -> tuple[list[float], list[float]]:
    """Latencies in ms of creates and polls, half and half, sent on a fixed schedule whatever the answers take."""
    creates: list[float] = []
    polls: list[float] = []
    request = {
        "model": MODEL,
        "image_url": "https://example.org/a.jpg",
        "audio_url": "https://example.org/b.wav",
        "webhook_url": "https://example.org/hook",
    }
    body = json.dumps(request).encode()
    async with Connections(url, {"Authorization": f"Bearer {key}"}) as client:

        async def create() -> None:
            began = time.perf_counter()
            await client.post("/model/v1/generation", body, f"Idempotency-Key: {uuid.uuid4()}\r\n")
            creates.append(1000 * (time.perf_counter() - began))

        async def poll(identifier: str) -> None:
            began = time.perf_counter()
            await client.get(f"/model/v1/generation/task/{identifier}")
            polls.append(1000 * (time.perf_counter() - began))

        start = time.perf_counter()
        running = []
        for number in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
            call = create() if number % 2 else poll(stored[(number * 7919) % len(stored)])
            running.append(asyncio.create_task(call))
        await asyncio.gather(*running)
    return creates, polls


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of them do not pass."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure() -> list[Figure]:
    """Latencies, start-up time and the time of --help."""
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        key = make_key(data_dir, "default", *LIMITED_KEY)
        command(data_dir, "balance", "add", "default", "1000000")
        stored = fill(data_dir)
        with server(data_dir, workers=0, **PAID) as running:
            url = running.url
            endpoint = {"url": "https://example.org/endpoint"}
            httpx.post(f"{url}/api/v1/webhooks", json=endpoint, headers={"Authorization": f"Bearer {key}"}).raise_for_status()
            asyncio.run(load(url, key, stored))  # warm
            before = running.processor_seconds
            creates, polls = asyncio.run(load(url, key, stored))
            used = running.processor_seconds - before
            held = httpx.get(f"{url}/api/v1/user/balance", headers={"Authorization": f"Bearer {key}"}).json()["data"]["held"]
            assert Decimal(held) > 0, "nothing was set aside: the ledger was not at work"
    starts = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name, server(Path(name), workers=1) as running:
            starts.append(running.start_seconds)
    helps = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "spark_avatar", "--help"], check=True, capture_output=True)
        helps.append(time.perf_counter() - began)
    return [
        Figure(f"create p50 at {RATE} requests/s, {STORED:,} stored tasks", percentile(creates, 0.50), "ms"),
        Figure("create p99", percentile(creates, 0.99), "ms", "< 50"),
        Figure("poll p50", percentile(polls, 0.50), "ms"),
        Figure("poll p99", percentile(polls, 0.99), "ms", "< 15"),
        Figure("processor time of the server for each create or poll", 1000 * used / (len(creates) + len(polls)), "ms"),
        Figure("serve: start to /readyz on a new data folder", statistics.median(starts), "s", "< 3"),
        Figure("spark-avatar --help", statistics.median(helps), "s", "< 0.3"),
    ]
