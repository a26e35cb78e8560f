"""The server as it is put together from settings: light, ready, and gone without a trace."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from spark_avatar.app.openings import open_keys
from spark_avatar.app.server import create_app
from spark_avatar.app.services import Services, build_services
from spark_avatar.config import Settings
from spark_avatar.errors import ConfigurationError

HEAVY = {"cv2", "mediapipe", "onnxruntime", "av", "scipy", "skimage", "PIL"}

PROGRAM = """
import asyncio, json, sys
import httpx
from spark_avatar.app.openings import open_keys
from spark_avatar.app.server import create_app
from spark_avatar.config import Settings

settings = Settings(data_dir=sys.argv[1], workers=0)
key = open_keys(settings).create("test")[1]

async def main():
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            statuses = [(await client.get(path)).status_code for path in ("/readyz", "/sign-in", "/metrics", "/openapi.json")]
            body = {"model": "spark_avatar_picture_omni_v2", "image_url": "https://a/b", "audio_url": "https://a/c"}
            task = (await client.post("/model/v1/generation", json=body)).json()
            statuses.append((await client.get(f"/model/v1/generation/task/{task['id']}")).status_code)
            spec = await client.get("/api/v1/skill/models/spark_avatar_picture_omni_v2/spec")
            statuses.append(spec.status_code)
    return statuses

statuses = asyncio.run(main())
print(json.dumps([statuses, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def test_the_server_process_never_loads_an_engine(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, capture_output=True, text=True)
    statuses, loaded = json.loads(done.stdout.splitlines()[-1])
    assert statuses == [200] * 6
    assert not HEAVY & set(loaded)


def test_a_stopped_server_leaves_no_temporary_files(tmp_path: Path) -> None:
    services = services_of(tmp_path)
    services.start()
    assert services.checks() == {"database": True, "storage": True, "workers": True}
    assert services.housekeeping.scratch.is_dir()
    services.stop()
    assert list((tmp_path / "servers").iterdir()) == []
    assert list((tmp_path / "uploads-under-way").iterdir()) == []


def test_a_server_whose_disk_is_full_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = build_services(Settings(data_dir=tmp_path, workers=1, min_free_bytes=1))
    services.start()
    try:
        wait_for_workers(services, ready=True)
        monkeypatch.setattr("spark_avatar.service.room.shutil.disk_usage", lambda _: SimpleNamespace(free=0))
        wait_for_workers(services, ready=False)
        monkeypatch.undo()
        wait_for_workers(services, ready=True)
    finally:
        services.stop()


def wait_for_workers(services: Services, *, ready: bool) -> None:
    until = time.monotonic() + 60
    while services.checks()["workers"] is not ready:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_what_a_killed_server_left_is_taken_up_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "uploads-under-way" / "dead"
    left.mkdir(parents=True)
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "dead.lock").touch()
    services = services_of(tmp_path)
    services.start()
    until = time.monotonic() + 60
    while left.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    services.stop()


def test_a_restarted_server_honours_old_links_and_keys(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers=0)
    secret = open_keys(settings).create("test")[1]
    links = []
    for _ in range(2):
        services = build_services(settings)
        services.start()
        links.append(services.files.link("uploads/default/a.png", base_url="http://host").split("expires=")[0])
        assert services.keys.authenticate(secret).account_id == "default"
        services.stop()
    assert links[0] == links[1]


def test_a_sample_is_made_on_request(tmp_path: Path) -> None:
    async def load() -> list[httpx.Response]:
        app = create_app(Settings(data_dir=tmp_path, workers=0))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            return list(
                await asyncio.gather(*(client.get(f"/samples/{name}") for name in ["portrait.png"] * 3 + ["speech.flac"]))
            )

    *portraits, speech = asyncio.run(load())
    assert {portrait.content for portrait in portraits} == {portraits[0].content}
    assert portraits[0].content.startswith(b"\x89PNG")
    assert speech.content.startswith(b"fLaC")
    assert speech.headers["content-type"] == "audio/flac"


def test_settings_that_cannot_work_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        create_app(Settings(data_dir=tmp_path, workers=0, database_url="mysql://x"))


def test_a_stopping_server_sends_long_answers_home(tmp_path: Path) -> None:
    secret = open_keys(Settings(data_dir=tmp_path)).create("test")[1]
    command = [sys.executable, "-m", "spark_avatar", "serve", "--port", "0", "--workers", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        body = {"model": "spark_avatar_picture_omni_v2", "image_url": "https://a.example/b", "audio_url": "https://a.example/c"}
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {secret}"}, timeout=30) as client:
            answers: list[httpx.Response] = []
            waiting = threading.Thread(target=lambda: answers.append(client.post("/model/v1/generation/sync", json=body)))
            task_id = client.post("/model/v1/generation", json=body).json()["id"]
            waiting.start()
            with client.stream("GET", f"/model/v1/generation/task/{task_id}/stream") as stream:
                lines = stream.iter_lines()
                assert next(lines).startswith("id: ")
                time.sleep(0.3)
                server.send_signal(signal.SIGTERM)
                rest = list(lines)  # ends in good order: a broken stream would raise
            waiting.join()
        assert "event: done" not in rest
        assert answers[0].status_code == 504
        assert answers[0].json()["error"]["code"] == "SYNC_TIMEOUT"
        server.wait(20)
        assert server.stderr is not None
        assert "Traceback" not in server.stderr.read()


def test_the_first_start_prints_the_link_that_makes_the_owner(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spark_avatar", "serve", "--port", "0", "--workers", "0", "--data-dir", str(tmp_path)]
    printed = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1].rstrip("/")
            if not printed:
                printed.append(server.stdout.readline())
                _become_owner(url, printed[0])
            server.send_signal(signal.SIGTERM)
            rest = server.stdout.read()
            server.wait(20)
    assert "welcome" not in rest, "there is an owner: the second start has no link to give"


def _become_owner(url: str, line: str) -> None:
    link, code = line.split()[-1].split("?code=")
    assert link == f"{url}/welcome"
    who = {"name": "Anna", "email": "anna@example.org", "password": "long enough 1"}
    with httpx.Client(base_url=url) as browser:
        owner = browser.post("/api/v1/invitations/accept", json={"code": code, **who})
        assert owner.status_code == 200
        assert (owner.json()["role"], owner.json()["operator"], owner.json()["account"]["id"]) == ("owner", True, "default")
        again = {**who, "code": code, "email": "eve@example.org"}
        assert browser.post("/api/v1/invitations/accept", json=again).status_code == 404


def test_an_address_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [
            sys.executable,
            "-m",
            "spark_avatar",
            "serve",
            "--port",
            str(taken.getsockname()[1]),
            "--data-dir",
            str(tmp_path),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 4
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def services_of(folder: Path) -> Services:
    return build_services(Settings(data_dir=folder, workers=0))
