"""Against a ComfyUI server that is really there: `SPARK_AVATAR_TEST_COMFYUI_URL=http://127.0.0.1:8188`. No model is needed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from acceptance.conftest import MODEL, Server, finish
from spark_avatar.media.encoder import PROVENANCE
from spark_avatar.media.video import probe_video

URL = os.environ.get("SPARK_AVATAR_TEST_COMFYUI_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="SPARK_AVATAR_TEST_COMFYUI_URL names no ComfyUI server")
SETTINGS = {
    "SPARK_AVATAR_COMFYUI_URLS": URL,
    "SPARK_AVATAR_DEFAULT_ENGINE": "comfyui.comfyui_example",
    "SPARK_AVATAR_DRAIN_SECONDS": "0",
}
LONG = {"width": 768, "height": 768, "fps": 60}
"""Several seconds of work for a processor."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data", **SETTINGS).start()
    yield made
    made.stop()


def create(client: httpx.Client, host: str, **params: object) -> str:
    inputs = {"image_url": f"{host}/portrait.png", "audio_url": f"{host}/speech.wav", **params}
    return client.post("/model/v1/generation", json={"model": MODEL, **inputs}).raise_for_status().json()["id"]


def queue() -> list[str]:
    found = httpx.get(f"{URL}/queue").raise_for_status().json()
    return [item[1] for item in (*found["queue_running"], *found["queue_pending"])]


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_check_finds_all_that_the_example_needs() -> None:
    command = [sys.executable, "-m", "spark_avatar", "engines", "check"]
    done = subprocess.run(command, env={**os.environ, **SETTINGS}, capture_output=True, text=True)
    assert (done.returncode, "all nodes and models are there" in done.stdout) == (0, True), done.stdout


def test_a_task_becomes_a_video(server: Server, host: str, tmp_path: Path) -> None:
    with server.client(server.key()) as client:
        task = finish(client, create(client, host, width=384, height=256, fps=30))
    assert task["status"] == "completed", task
    content = task["output"][0]["content"][0]
    (tmp_path / "video.mp4").write_bytes(httpx.get(content["url"]).raise_for_status().content)
    facts = probe_video(tmp_path / "video.mp4")
    assert (facts.frames, facts.width, facts.height, facts.comment) == (60, 384, 256, PROVENANCE)
    assert abs((facts.audio_seconds or 0) - 2) < 0.2
    assert content["jobId"] in httpx.get(f"{URL}/history/{content['jobId']}").json()
    assert task["usage"]["total_tokens"] > 0
    assert b"class_type" not in (tmp_path / "video.mp4").read_bytes()  # ComfyUI writes the workflow into the file


def test_a_cancelled_task_leaves_the_servers_queue(server: Server, host: str) -> None:
    with server.client(server.key()) as client:
        first, second = (create(client, host, **LONG) for _ in range(2))
        wait_for(queue)
        for task_id in (first, second):
            client.delete(f"/model/v1/generation/task/{task_id}").raise_for_status()
        assert finish(client, first)["error"]["code"] == "003016031"
    wait_for(lambda: not queue())


def test_a_restarted_server_takes_up_its_job(server: Server, host: str) -> None:
    key = server.key()
    with server.client(key) as client:
        task_id = create(client, host, **LONG)
        wait_for(queue)
        (job,) = queue()
    server.kill()
    server.start()
    with server.client(key) as client:
        task = finish(client, task_id)
    assert task["status"] == "completed", task
    assert task["output"][0]["content"][0]["jobId"] == job
    assert "remote_job_repeated" not in [warning["code"] for warning in task["metadata"]["warnings"]]
    assert task["metadata"]["timings"].get("upload") is None
