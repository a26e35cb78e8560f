"""`spark-avatar serve` in front of a ComfyUI server and of itself: same calls, same codes, and cancelling reaches the far end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest
from comfyui_server import ComfyServer, Handler, running
from contract_server import contract_server
from remote_jobs import video_bytes

from acceptance.conftest import MODEL, Server, body, finish
from acceptance.typed_client import decode_task
from spark_avatar.media.image import write_image
from spark_avatar.media.video import probe_video


@pytest.fixture(scope="module")
def comfy() -> Iterator[ComfyServer]:
    video = video_bytes()
    with running(ComfyServer(make=lambda _graph, _uploads: video)) as server:
        yield server


@pytest.fixture(scope="module")
def front(comfy: ComfyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Our server, with the shipped workflow behind the usual model."""
    settings = {"SPARK_AVATAR_COMFYUI_URLS": comfy.url, "SPARK_AVATAR_DEFAULT_ENGINE": "comfyui.comfyui_example"}
    server = Server(tmp_path_factory.mktemp("front") / "data", **settings).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(front: Server) -> Iterator[httpx.Client]:
    with front.client(front.key()) as made:
        yield made


@pytest.fixture(autouse=True)
def well_again(comfy: ComfyServer) -> Iterator[None]:
    yield
    comfy.faults.clear()
    comfy.error, comfy.outputs, comfy.seconds = None, None, 0.0
    comfy.forget()


def create(client: httpx.Client, host: str, **params: object) -> str:
    inputs = {"image_url": f"{host}/portrait.png", "audio_url": f"{host}/word.wav", **params}
    return client.post("/model/v1/generation", json={"model": MODEL, **inputs}).raise_for_status().json()["id"]


def test_a_workflow_is_a_model_like_any_other(client: httpx.Client, comfy: ComfyServer, host: str, tmp_path: Path) -> None:
    names = [row["id"] for row in client.get("/api/v1/skill/models").json()["data"]["models"]]
    assert names == [MODEL, "comfyui_example"]
    spec = client.get("/api/v1/skill/models/comfyui_example/spec").json()["data"]
    assert {"fps", "width", "height"} <= {parameter["name"] for parameter in spec["parameters"]}
    task = finish(client, create(client, host, width=256))
    assert task["status"] == "completed", task
    decode_task(task)
    content = task["output"][0]["content"][0]
    assert content["jobId"] == comfy.bodies[-1]["prompt_id"]
    assert comfy.bodies[-1]["prompt"]["3"]["inputs"]["width"] == 256
    assert task["usage"]["total_tokens"] == 3  # 0.25 s of execution at the usual rate, rounded up
    assert task["metadata"]["engine"] == "comfyui.comfyui_example"
    (tmp_path / "video.mp4").write_bytes(httpx.get(content["url"]).raise_for_status().content)
    assert probe_video(tmp_path / "video.mp4").frames == 25
    refused = client.post(
        "/model/v1/generation", json={"model": MODEL, "image_url": "http://a/b", "audio_url": "http://a/c", "fps": 99}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_parameter")


def fails(comfy: ComfyServer) -> None:
    comfy.error = {"node_type": "KSampler", "exception_message": "CUDA out of memory\n", "traceback": ["/srv/secret.py"]}


def lists_nothing(comfy: ComfyServer) -> None:
    comfy.outputs = lambda _name: {}


def refuses_the_upload(comfy: ComfyServer) -> None:
    comfy.faults["POST /upload"] = lambda handler: handler.reply(b"", 413)


def forgets(comfy: ComfyServer) -> None:
    comfy.seconds = 30.0

    def restarted(handler: Handler) -> None:
        if comfy.running:
            comfy.forget()
        handler.get_history()

    comfy.faults["GET /history"] = restarted


def refuses_the_job(comfy: ComfyServer) -> None:
    error = {"error": {"type": "invalid_prompt", "message": "Cannot execute because node X does not exist."}, "node_errors": {}}
    comfy.faults["POST /prompt"] = lambda handler: handler.reply(error, 400)


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (fails, "003016095", "The workflow failed in its node KSampler: CUDA out of memory"),
        (lists_nothing, "003016096", "without a video"),
        (refuses_the_upload, "003016097", "HTTP 413"),
        (forgets, "003016098", "no longer knows the job"),
        (refuses_the_job, "003016099", "node X does not exist"),
    ],
)
def test_every_fault_has_its_code(
    client: httpx.Client, comfy: ComfyServer, host: str, fault: Callable[[ComfyServer], None], code: str, text: str
) -> None:
    fault(comfy)
    task = finish(client, create(client, host))
    assert (task["status"], task["error"]["code"]) == ("failed", code), task
    assert text in task["error"]["error_message"]
    assert "secret" not in str(task)


def test_cancelling_reaches_the_far_end(client: httpx.Client, comfy: ComfyServer, host: str) -> None:
    comfy.seconds = 60.0
    before = len(comfy.bodies)
    task_id = create(client, host)
    wait_for(lambda: len(comfy.bodies) > before and comfy.running)
    client.delete(f"/model/v1/generation/task/{task_id}").raise_for_status()
    wait_for(lambda: comfy.bodies[-1]["prompt_id"] in comfy.interrupted)
    assert finish(client, task_id)["error"]["code"] == "003016031"


def repeated(task: dict) -> bool:
    return "remote_job_repeated" in [warning["code"] for warning in task["metadata"]["warnings"]]


def test_two_servers_share_the_load_and_one_dies_without_losing_a_task(host: str, tmp_path: Path) -> None:
    video = video_bytes()
    with ExitStack() as stack:
        dying, well = (
            stack.enter_context(running(ComfyServer(make=lambda _graph, _uploads: video, seconds=3.0))) for _ in range(2)
        )
        urls = f"{dying.url},{well.url}"
        settings = {"SPARK_AVATAR_COMFYUI_URLS": urls, "SPARK_AVATAR_DEFAULT_ENGINE": "comfyui.comfyui_example"}
        front = Server(tmp_path / "data", workers=2, **settings).start()
        stack.callback(front.stop)
        client = stack.enter_context(front.client(front.key()))
        ids = [create(client, host) for _ in range(4)]
        wait_for(lambda: dying.running and well.running)
        dying.die()
        tasks = [finish(client, task_id) for task_id in ids]
        assert [task["status"] for task in tasks] == ["completed"] * 4, tasks
        assert [repeated(task) for task in tasks].count(True) == 1
        assert {task["output"][0]["content"][0]["jobId"] for task in tasks} == set(well.history)


def test_a_killed_server_takes_up_the_job_that_it_had_on_a_comfyui_server(host: str, tmp_path: Path) -> None:
    video = video_bytes()
    with running(ComfyServer(make=lambda _graph, _uploads: video, seconds=60.0)) as comfy:
        settings = {
            "SPARK_AVATAR_COMFYUI_URLS": comfy.url,
            "SPARK_AVATAR_DEFAULT_ENGINE": "comfyui.comfyui_example",
        }
        first = Server(tmp_path / "data", **settings).start()
        key = first.key()
        with first.client(key) as client:
            task_id = create(client, host)
            wait_for(lambda: comfy.running)
        first.kill()
        assert comfy.running
        assert comfy.interrupted == []
        comfy.requests.clear()
        second = Server(tmp_path / "data", **settings).start()
        try:
            with second.client(key) as client:
                wait_for(lambda: any("/history/" in path for _, path, _ in comfy.requests))
                comfy.end_running()
                task = finish(client, task_id)
        finally:
            second.stop()
        assert task["status"] == "completed", task
        assert task["output"][0]["content"][0]["jobId"] == comfy.bodies[0]["prompt_id"]
        assert not repeated(task)
        assert len(comfy.bodies) == 1


def test_a_stopped_server_takes_up_the_task_that_it_had_on_another(host: str, tmp_path: Path) -> None:
    with contract_server(video_bytes()) as far:
        far.polls = [{"status": "in_progress", "progress": 0.1}]
        settings = {"REMOTE_URL": far.url, "REMOTE_KEY": "sk-far", "DEFAULT_ENGINE": "remote", "DRAIN_SECONDS": "0"}
        given = {f"SPARK_AVATAR_{name}": value for name, value in settings.items()}
        first = Server(tmp_path / "data", **given).start()
        key = first.key()
        with first.client(key) as client:
            task_id = create(client, host)
            wait_for(lambda: any(path.endswith("far-1") for path in far.asked("GET")))
        first.stop()
        far.polls = [{"status": "completed"}]
        second = Server(tmp_path / "data", **given).start()
        try:
            with second.client(key) as client:
                task = finish(client, task_id)
        finally:
            second.stop()
        assert task["status"] == "completed", task
        assert task["output"][0]["content"][0]["jobId"] == "far-1"
        assert not repeated(task)
        assert len(far.bodies) == 1
        assert far.asked("DELETE") == []


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_cancelling_reaches_a_comfyui_server_through_another_server(
    front: Server, comfy: ComfyServer, host: str, tmp_path: Path
) -> None:
    comfy.seconds = 60.0
    settings = {"REMOTE_URL": front.url, "REMOTE_KEY": front.key("outer"), "DEFAULT_ENGINE": "remote"}
    outer = Server(tmp_path / "outer", **{f"SPARK_AVATAR_{name}": value for name, value in settings.items()}).start()
    try:
        with outer.client(outer.key()) as client:
            before = len(comfy.bodies)
            task_id = create(client, host)
            wait_for(lambda: len(comfy.bodies) > before and comfy.running)
            client.delete(f"/model/v1/generation/task/{task_id}").raise_for_status()
            wait_for(lambda: comfy.bodies[-1]["prompt_id"] in comfy.interrupted)
            assert finish(client, task_id)["error"]["code"] == "003016031"
    finally:
        outer.stop()


def test_our_own_server_stands_behind_two_others(host: str, media: Path, server: Server, key: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        behind, behind_key, chain = server, key, []
        for name in ("middle", "front"):
            settings = {"REMOTE_URL": behind.url, "REMOTE_KEY": behind_key, "DEFAULT_ENGINE": "remote"}
            given = {f"SPARK_AVATAR_{setting}": value for setting, value in settings.items()}
            behind = Server(tmp_path / name, **given).start()
            stack.callback(behind.stop)
            behind_key = behind.key()
            chain.append(stack.enter_context(behind.client(behind_key)))
        middle, front = chain
        made = front.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/speech.wav")).json()
        task = finish(front, made["id"])
        assert task["status"] == "completed", task
        content = task["output"][0]["content"][0]
        far = finish(middle, content["jobId"])
        assert task["metadata"]["remote"]["usage"]["cost"] == far["usage"]["cost"]
        assert far["metadata"]["remote"]["engine"] == "portrait"
        assert task["usage"]["total_tokens"] == far["usage"]["total_tokens"] > 0
        assert task["metadata"]["seed"] == far["metadata"]["seed"] == 1
        (tmp_path / "video.mp4").write_bytes(httpx.get(content["url"]).raise_for_status().content)
        facts = probe_video(tmp_path / "video.mp4")
        assert (facts.frames, facts.height) == (50, 360)

        write_image(media / "wall.png", np.full((256, 256, 3), 180, np.uint8))
        faceless = front.post("/model/v1/generation", json=body(f"{host}/wall.png", f"{host}/word.wav")).json()
        assert finish(front, faceless["id"])["error"]["code"] == "003016014"  # found at the far end
