"""On a running server, on each database: a program logs in with a key of its own; the example receiver, in a process of its own,
is told of the end of tasks; an owner takes everything along and ends the workspace.
"""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue
from threading import Thread

import httpx
import pytest
from device_client import DeviceClient
from webhook_receiver import receiving

from acceptance.conftest import MODEL, Server, body

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook_receiver.py"
SENT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
HOOKS = "/api/v1/webhooks"


def test_the_example_receiver_says_how_it_is_called():
    called = subprocess.run([sys.executable, EXAMPLE], capture_output=True)
    assert called.returncode == 1
    assert called.stderr.decode().strip() == "Name the port to listen on: python webhook_receiver.py 9000"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without workers: tasks wait until they are cancelled."""
    settings = {}
    if request.param == "postgresql":
        settings["SPARK_AVATAR_DATABASE_URL"] = request.getfixturevalue("own_postgresql")
    running = Server(tmp_path_factory.mktemp("office") / "data", workers=0, **settings).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def owner(office: Server) -> Iterator[httpx.Client]:
    """The browser of whoever opened the link that the first start printed."""
    code = re.search(r"/welcome\?code=(\S+)", office.log.read_text())
    assert code is not None, "the server prints no link"
    with httpx.Client(base_url=office.url, timeout=30) as browser:
        who = {"code": code.group(1), "name": "Ada", "email": "ada@example.org", "password": "a long enough pass phrase"}
        session = browser.post("/api/v1/invitations/accept", json=who).raise_for_status().json()
        browser.headers["X-CSRF-Token"] = session["csrf_token"]
        yield browser


def ask_until(office: Server, device: DeviceClient, status: str, *, seconds: float = 120) -> dict:
    """Asks as often as the server lets it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = httpx.post(f"{office.url}/api/v1/cli/token", json=device.question())
        if answer.status_code == 200 and answer.json()["data"]["status"] == status:
            return answer.json()["data"]
        assert answer.status_code in (200, 429), answer.text
        time.sleep(0.2)
    raise AssertionError(answer.text)


def log_in(office: Server, owner: httpx.Client) -> dict:
    device = DeviceClient()
    begun = httpx.post(f"{office.url}/api/v1/cli/device/code", json=device.begin("laptop")).raise_for_status().json()["data"]
    assert begun["verification_uri"] == f"{office.url}/device"
    device.device_code = begun["device_code"]
    ask_until(office, device, "pending")
    shown = owner.get("/api/v1/device/approval", params={"code": begun["user_code"]}).raise_for_status().json()["data"]
    assert (shown["client_id"], shown["address"]) == ("laptop", "127.0.0.1")
    owner.post("/api/v1/device/approval", json={"code": begun["user_code"], "approve": True}).raise_for_status()
    granted = ask_until(office, device, "authorized")
    ask_until(office, device, "expired")
    return granted


def test_a_program_logs_in_and_stays_logged_in(office: Server, owner: httpx.Client) -> None:
    granted = log_in(office, owner)
    with office.client(granted["access_token"]) as program:
        user = program.get("/api/v1/auth/me").raise_for_status().json()["data"]["user"]
        assert (user["email"], user["name"], user["role"]) == ("ada@example.org", "Ada", "owner")
        balance = program.get("/api/v1/user/balance").raise_for_status().json()["data"]
        assert balance["user_id"]
    with office.client(granted["api_key"]) as program:
        assert program.post("/model/v1/generation", json=SENT).status_code == 200
    path = f"{office.url}/api/v1/cli/token"
    fresh = httpx.post(f"{path}/refresh", json={"refresh_token": granted["refresh_token"]}).raise_for_status().json()["data"]
    with office.client(fresh["access_token"]) as program:
        assert program.get("/api/v1/auth/me").status_code == 200
        assert httpx.post(f"{path}/refresh", json={"refresh_token": granted["refresh_token"]}).status_code == 401
        assert program.get("/api/v1/auth/me").status_code == 401, "a stolen token ends the login"


class ReceiverProcess:
    """The example of the docs, and the lines that it prints."""

    def __init__(self, port: int, secrets: str) -> None:
        self.lines: Queue[str] = Queue()
        environment = {**os.environ, "WEBHOOK_SECRETS": secrets}
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLE), str(port)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.thread = Thread(target=self._read, daemon=True)
        self.thread.start()
        until(lambda: _listens(port))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def next(self) -> str:
        return self.lines.get(timeout=30)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.thread.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(holds: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cancelled_task(owner: httpx.Client) -> str:
    task_id = owner.post("/model/v1/generation", json=SENT).raise_for_status().json()["id"]
    owner.delete(f"/model/v1/generation/task/{task_id}").raise_for_status()
    return task_id


def test_the_example_receiver_is_told_through_rotation_and_replay(office: Server, owner: httpx.Client) -> None:
    port = free_port()
    made = owner.post(HOOKS, json={"url": f"http://127.0.0.1:{port}/hook"}).raise_for_status().json()
    receiver = ReceiverProcess(port, made["secret"])
    try:
        owner.post(f"{HOOKS}/{made['id']}/test").raise_for_status()
        assert receiver.next() == "webhook.test"
        rotated = owner.post(f"{HOOKS}/{made['id']}/rotate", json={"grace_seconds": 3600}).raise_for_status().json()
        during = cancelled_task(owner)
        assert receiver.next() == f"task.canceled {during}", "the old secret verifies during the grace"
        until(lambda: {one["state"] for one in owner.get(f"{HOOKS}/deliveries").json()["deliveries"]} == {"delivered"})
    finally:
        receiver.stop()
    receiver = ReceiverProcess(port, rotated["secret"])
    try:
        (delivery,) = owner.get(f"{HOOKS}/deliveries", params={"task_id": during}).json()["deliveries"]
        owner.post(f"{HOOKS}/deliveries/{delivery['id']}/replay").raise_for_status()
        assert receiver.next() == f"task.canceled {during}"
        path = f"{HOOKS}/deliveries/{delivery['id']}"
        until(lambda: [one["status"] for one in owner.get(path).json()["attempts"]] == [204, 204])
    finally:
        receiver.stop()
    owner.delete(f"{HOOKS}/{made['id']}").raise_for_status()


def test_a_receiver_with_another_secret_refuses_and_is_asked_again(office: Server, owner: httpx.Client) -> None:
    port = free_port()
    made = owner.post(HOOKS, json={"url": f"http://127.0.0.1:{port}/hook"}).raise_for_status().json()
    receiver = ReceiverProcess(port, "whsec_" + "A" * 44)
    try:
        sent = owner.post(f"{HOOKS}/{made['id']}/test").raise_for_status().json()
        path = f"{HOOKS}/deliveries/{sent['id']}"
        until(lambda: [one["status"] for one in owner.get(path).json()["attempts"]] == [401])
    finally:
        receiver.stop()
    receiver = ReceiverProcess(port, made["secret"])
    try:
        assert receiver.next() == "webhook.test", "the second attempt comes by itself"
    finally:
        receiver.stop()
    owner.delete(f"{HOOKS}/{made['id']}").raise_for_status()


def test_a_receiver_that_is_gone_is_switched_off(office: Server, owner: httpx.Client) -> None:
    with receiving() as gone:
        gone.status = 410
        path = f"{HOOKS}/{owner.post(HOOKS, json={'url': gone.url}).raise_for_status().json()['id']}"
        cancelled_task(owner)
        until(lambda: owner.get(path).json().get("disabled_because") == "gone")
        cancelled_task(owner)
        owner.post(f"{path}/test")
        assert len(gone.messages) == 1
    owner.delete(path).raise_for_status()


def command(office: Server, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spark_avatar", "accounts", *words],
        env=office._environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_account_is_exported_and_erased_beside_the_running_server(office: Server, tmp_path: Path) -> None:
    with office.client(office.key("studio", account="films")) as studio:
        uploaded = studio.post("/api/v1/storage/files", files={"file": ("me.png", b"\x89PNG\r\n\x1a\n" + bytes(9000))}).json()
        task_id = studio.post("/model/v1/generation", json=SENT).json()["id"]
        archive = tmp_path / "films.zip"
        assert command(office, "export", "films", str(archive)).returncode == 0
        with zipfile.ZipFile(archive) as content:
            assert f"files/{uploaded['data']['key']}" in content.namelist()
            (row,) = map(json.loads, content.read("records/tasks.jsonl").splitlines())
            assert row["id"] == task_id
        assert command(office, "erase", "films", "--confirm", "flims").returncode == 3
        assert studio.get(f"/model/v1/generation/task/{task_id}").status_code == 200
        erased = command(office, "erase", "films", "--confirm", "films")
        assert erased.returncode == 0, erased.stderr
        assert "1 tasks, 1 files" in erased.stderr
        assert studio.get(f"/model/v1/generation/task/{task_id}").status_code == 401
        assert httpx.get(uploaded["url"]).status_code == 404
        assert [path for path in (office.data_dir / "files").rglob("*") if path.is_file()] == []


def traces(server: Server, *words: str) -> list[str]:
    """Where any of the words stands: names of files, and rows of the database."""
    found = [str(path) for path in server.data_dir.rglob("*") if any(word in str(path) for word in words)]
    with closing(sqlite3.connect(f"file:{server.data_dir}/spark-avatar.sqlite3?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = database.execute(f"SELECT * FROM {table}").fetchall()
            found += [f"{table}: {row}" for row in rows if any(word in repr(row) for word in words)]
    return found


def test_an_account_that_is_erased_while_it_renders_leaves_nothing(server: Server, host: str) -> None:
    with server.client(server.key("studio", account="short-lived-films")) as studio:
        sent = body(f"{host}/portrait.png", f"{host}/speech.wav", resolution="720p")
        task_id = studio.post("/model/v1/generation", json=sent).raise_for_status().json()["id"]
        path = f"/model/v1/generation/task/{task_id}"
        until(lambda: studio.get(path).json().get("progress", 1.0) >= 0.2, seconds=90)
        assert traces(server, "short-lived-films", task_id)
        erased = command(server, "erase", "short-lived-films", "--confirm", "short-lived-films")
        assert erased.returncode == 0, erased.stderr
        assert studio.get(path).status_code == 401
    until(lambda: traces(server, "short-lived-films", task_id) == [], seconds=60)
