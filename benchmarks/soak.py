"""A server that is treated badly for a while: random creates, cancels, deletes and repeated requests, one after another and at
the same moment, kills of workers and of the server itself. At the end everything has ended and `spark-avatar doctor --audit`
finds nothing.

    python benchmarks/soak.py            # SOAK_MINUTES (10), SOAK_SEED, SOAK_DATABASE_URL (by default SQLite)

What a client was told must hold: a task that was accepted ends, a repeated request gets the same task, what was cancelled is not
charged, and an account is charged the sum of its completed tasks' `usage.cost`.
"""

import base64
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import wave
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from service import MODEL, free_port
from spark_avatar.media.samples import sample_portrait

ACCOUNTS = ("anna", "otto", "eve")
PRICE = "0.0123"
CLIENTS = 6
MOST_OPEN = 8
"""Tasks of one client that have not ended, as far as it knows: more would only make the queue longer."""
SAME_MOMENT = 3
"""Equal requests at once."""
TROUBLE_SECONDS = (4.0, 12.0)
"""Between two kills."""
PATIENCE = 600.0
"""Seconds in which everything has to end when the trouble is over."""
START_SECONDS = 300.0
"""Seconds for a start: patience, not a measure."""


@dataclass
class Site:
    """A server on a data folder that is started again whenever it has been killed."""

    data_dir: Path
    database_url: str | None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "DATA_DIR": str(self.data_dir),
            "WORKERS": "2",
            "BILLING": "prepaid",
            "PRICE_PER_SECOND": PRICE,
            "HOLD_SECONDS": "3",
            "MAX_ATTEMPTS": "5",
            "LEASE_SECONDS": "5",
            **({"DATABASE_URL": self.database_url} if self.database_url else {}),
        }
        return {**os.environ, **{f"SPARK_AVATAR_{name}": value for name, value in settings.items()}}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "spark_avatar", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def start(self) -> None:
        command = [sys.executable, "-m", "spark_avatar", "serve", "--port", str(self.port), "--log-level", "error"]
        with (self.data_dir / "soak.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"the server does not start:\n{self.log_end()}")

    def log_end(self) -> str:
        return (self.data_dir / "soak.log").read_text(errors="replace")[-3000:]

    def kill_server(self) -> None:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(30)
        psutil.wait_procs(children, timeout=30)
        self.start()

    def kill_worker(self, chance: random.Random) -> None:
        assert self.process is not None
        workers = [child for child in psutil.Process(self.process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        if workers:
            chance.choice(workers).kill()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(90)


@dataclass
class Client(threading.Thread):
    """Somebody who asks for videos, changes their mind, and asks again."""

    site: Site
    key: str
    seed: int
    image: str
    recordings: list[str]
    over: threading.Event
    tasks: dict[str, str] = field(default_factory=dict)
    """By idempotency key: the task that was made with it."""
    canceled: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    costs: dict[str, Decimal] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.chance = random.Random(self.seed)
        self.http = httpx.Client(base_url=self.site.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)
        self.uploads: dict[str, str] = {}

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.over.is_set():
            acts = (self.create, self.create_twice, self.create_at_once, self.cancel, self.delete, self.look)
            self.chance.choices(acts, weights=(3, 2, 2, 2, 2, 6))[0]()
            self.over.wait(self.chance.uniform(0.05, 0.6))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Asks until there is an answer: what the server was doing when it was killed is not known."""
        while True:
            try:
                answer = self.http.request(method, path, **options)
            except httpx.TransportError:
                self.counts["connections lost"] += 1
                time.sleep(0.3)
                continue
            if answer.status_code >= 500 and answer.status_code != 503:
                self.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            if answer.status_code != 503:
                return answer
            time.sleep(0.3)

    def open(self) -> list[str]:
        """Tasks that have not ended, as far as is known."""
        return [task for task in self.tasks.values() if task not in self.ended and task not in self.deleted]

    def create(self, word: str | None = None, recording: str | None = None) -> None:
        waiting = self.open()
        if word is None and len(waiting) >= MOST_OPEN:
            self.look(self.chance.choice(waiting))
            return
        word = word or str(self.chance.randrange(2**64))
        self.take(word, self.submit(word, recording or self.some_recording()))

    def submit(self, word: str, recording: str) -> httpx.Response:
        body = {"model": MODEL, "image_url": self.image, "audio_url": recording, "resolution": "360p", "seed": 1}
        return self.ask("POST", "/model/v1/generation", json=body, headers={"Idempotency-Key": word})

    def some_recording(self) -> str:
        """In the request itself, or uploaded before."""
        recording = self.chance.choice(self.recordings)
        if self.chance.random() < 0.5:
            return recording
        if recording not in self.uploads:
            content = base64.b64decode(recording.partition(",")[2])
            answer = self.ask("POST", "/api/v1/storage/files", files={"file": ("speech.wav", content)})
            self.uploads[recording] = answer.raise_for_status().json()["url"]
        return self.uploads[recording]

    def take(self, word: str, answer: httpx.Response) -> None:
        """Notes the task that a create call answered."""
        if answer.status_code in (402, 429):
            self.counts[f"refused with {answer.status_code}"] += 1
            return
        if answer.status_code != 200:
            self.faults.append(f"create: {answer.status_code} {answer.text[:200]}")
            return
        made = answer.json()["id"]
        if self.tasks.setdefault(word, made) != made and self.tasks[word] not in self.deleted:
            self.faults.append(f"the same request made {self.tasks[word]} and {made}")
        self.tasks[word] = made
        self.counts["created"] += 1

    def create_twice(self) -> None:
        if len(self.open()) >= MOST_OPEN:
            return
        word, recording = str(self.chance.randrange(2**64)), self.some_recording()
        for _ in range(2):
            self.create(word, recording)

    def create_at_once(self) -> None:
        """The same request by several connections at the same moment."""
        if len(self.open()) >= MOST_OPEN:
            return
        word, recording = str(self.chance.randrange(2**64)), self.some_recording()
        with ThreadPoolExecutor(SAME_MOMENT) as several:
            answers = list(several.map(lambda _: self.submit(word, recording), range(SAME_MOMENT)))
        for answer in answers:
            self.take(word, answer)
        self.counts["created at the same moment"] += 1

    def known(self) -> str | None:
        alive = [task for task in self.tasks.values() if task not in self.deleted]
        return self.chance.choice(alive) if alive else None

    def cancel(self) -> None:
        """Or delete, if it has ended."""
        task = self.known()
        if task is None:
            return
        answer = self.ask("DELETE", f"/model/v1/generation/task/{task}")
        if answer.status_code == 204 or answer.status_code == 404:
            self.deleted.add(task)
            self.counts["deleted"] += 1
        elif answer.json()["status"] == "failed":
            self.canceled.add(task)
            self.ended.add(task)
            self.counts["cancelled"] += 1

    def delete(self) -> None:
        """Only what has ended, and was looked at before, so that its cost is known."""
        ended = [task for task in self.tasks.values() if task in self.costs and task not in self.deleted]
        if ended:
            task = self.chance.choice(ended)
            self.ask("DELETE", f"/model/v1/generation/task/{task}")
            self.deleted.add(task)
            self.counts["deleted"] += 1

    def look(self, task: str | None = None) -> bool:
        """Whether the task has ended; its cost is noted."""
        task = task or self.known()
        if task is None:
            return True
        answer = self.ask("GET", f"/model/v1/generation/task/{task}")
        if answer.status_code == 404:
            self.deleted.add(task)
            return True
        found = answer.json()
        if found["status"] == "completed":
            if task in self.canceled:
                self.faults.append(f"{task} was cancelled, and is completed")
            self.costs[task] = Decimal(found["usage"]["cost"])
        if found["status"] != "in_progress":
            self.ended.add(task)
        return task in self.ended

    def settle(self) -> None:
        """Waits until every task has ended."""
        deadline = time.monotonic() + PATIENCE
        waiting = [task for task in self.tasks.values() if task not in self.deleted]
        while waiting := [task for task in waiting if not self.look(task)]:
            if time.monotonic() > deadline:
                self.faults.append(f"{len(waiting)} tasks do not end: {waiting[:3]}")
                return
            time.sleep(0.5)


def recording(seconds: float) -> str:
    """A hum with syllables, as a data: URL."""
    time_ = np.arange(int(16_000 * seconds)) / 16_000
    samples = 0.4 * np.sin(2 * np.pi * 140 * time_) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * time_))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode()}"


def portrait(folder: Path) -> str:
    sample_portrait(folder / "portrait.png")
    return f"data:image/png;base64,{base64.b64encode((folder / 'portrait.png').read_bytes()).decode()}"


def make_trouble(site: Site, chance: random.Random, until: float) -> Counter[str]:
    """Kills until the time is over."""
    kills: Counter[str] = Counter()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, chance.uniform(*TROUBLE_SECONDS)))
        if time.monotonic() >= until:
            break
        if chance.random() < 0.3:
            site.kill_server()
            kills["server"] += 1
        else:
            site.kill_worker(chance)
            kills["worker"] += 1
    return kills


def charged(site: Site, key: str) -> tuple[Decimal, Decimal, Decimal]:
    """What the account was charged after its usage, what its balance lacks, and what is still held."""
    with httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        usage = http.get("/api/v1/usage").raise_for_status().json()["data"]
        balance = http.get("/api/v1/user/balance").raise_for_status().json()["data"]
    spent = Decimal(balance["total_recharged"]) - Decimal(balance["balance"])
    return Decimal(usage["total"]["cost"]), spent, Decimal(balance["held"])


def main() -> None:
    minutes, seed = float(os.environ.get("SOAK_MINUTES", "10")), int(os.environ.get("SOAK_SEED", uuid.uuid4().int % 10**6))
    print(f"seed {seed}, {minutes:g} minutes", flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        site = Site(Path(name), os.environ.get("SOAK_DATABASE_URL"))
        faults = soak(site, chance, minutes * 60)
        if faults:
            print(site.log_end())
    for fault in faults:
        print(f"FAULT  {fault}")
    raise SystemExit(1 if faults else 0)


def soak(site: Site, chance: random.Random, seconds: float) -> list[str]:
    """Runs it all; returns what went wrong."""
    keys = {}
    for account in ACCOUNTS:
        keys[account] = site.command("keys", "create", "--name", "soak", "--account", account).stdout.strip()
        site.command("balance", "add", account, "1000" if account != "eve" else "0.2")
    site.start()
    over = threading.Event()
    image, recordings = portrait(site.data_dir), [recording(length) for length in (0.6, 1.0, 2.0, 5.0)]
    clients = [
        Client(site, keys[ACCOUNTS[number % len(ACCOUNTS)]], chance.randrange(2**32), image, recordings, over)
        for number in range(CLIENTS)
    ]
    try:
        for client in clients:
            client.start()
        kills = make_trouble(site, chance, time.monotonic() + seconds)
        over.set()
        for client in clients:
            client.join(PATIENCE)
            client.settle()
        faults = [fault for client in clients for fault in client.faults]
        for account, key in keys.items():
            used, spent, held = charged(site, key)
            if used != spent or held:
                faults.append(f"{account} used {used}, was charged {spent}, and {held} is still held")
            seen = sum((cost for client in clients if client.key == key for cost in client.costs.values()), Decimal(0))
            if seen > used:
                faults.append(f"{account} saw costs of {seen}, and {used} is recorded")
        faults += audited(site)
    finally:
        over.set()
        site.stop()
    counts = sum((client.counts for client in clients), Counter())
    print(f"kills: {dict(kills)}; {dict(counts)}; completed and seen: {sum(len(client.costs) for client in clients)}", flush=True)
    return faults


def audited(site: Site) -> list[str]:
    """What the audit says beside the living server, which has had time to take up what its dead predecessors left. Nothing may
    be left over, and nothing is swept for it.
    """
    time.sleep(125)  # the audit gives younger files two minutes
    found = site.command("doctor", "--audit")
    print(found.stdout, flush=True)
    if found.returncode:
        return [f"the audit is not content: {found.stdout} {found.stderr[-500:]}"]
    return []


if __name__ == "__main__":
    main()
