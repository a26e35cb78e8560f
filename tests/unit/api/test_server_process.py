"""The server as it is put together from settings: light, ready, and gone without a trace."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from spark_avatar.app import Services, build_services, create_app, open_keys
from spark_avatar.config import Settings
from spark_avatar.errors import ConfigurationError

HEAVY = {"cv2", "mediapipe", "onnxruntime", "av", "scipy", "skimage", "PIL"}

PROGRAM = """
import asyncio, json, sys
import httpx
from spark_avatar.app import create_app, open_keys
from spark_avatar.config import Settings

settings = Settings(data_dir=sys.argv[1], workers=0)
key = open_keys(settings).create("test")[1]

async def main():
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            statuses = [(await client.get(path)).status_code for path in ("/readyz", "/", "/metrics", "/openapi.json")]
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


def test_what_a_killed_server_left_is_taken_up_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "uploads-under-way" / "dead"
    left.mkdir(parents=True)
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "dead.lock").touch()
    services = services_of(tmp_path)
    services.start()
    assert not left.exists()
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


def services_of(folder: Path) -> Services:
    return build_services(Settings(data_dir=folder, workers=0))
