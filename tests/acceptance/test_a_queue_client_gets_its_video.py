"""The queue protocol against a running server, decoded as a typed client does; and cancelling a render under way."""

import time

import httpx

from acceptance.conftest import MODEL, Server, body
from acceptance.typed_client import decode_queue_result, decode_queue_status

PARAMS = {"resolution": "360p", "seed": 1}


def queue_client(server: Server, key: str) -> httpx.Client:
    return httpx.Client(headers={"Authorization": f"Key {key}"}, base_url=server.url, timeout=60)


def wait(client: httpx.Client, url: str, *, seconds: float = 180) -> list[str]:
    """Follows the status to the end; returns every status seen."""
    seen = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen.append(decode_queue_status(client.get(url).raise_for_status().json())["status"])
        if seen[-1] == "COMPLETED":
            return seen
        time.sleep(0.1)
    raise AssertionError(f"not completed after {seconds} s")


def test_submit_follow_and_fetch(server: Server, key: str, host: str) -> None:
    sent = {"image_url": f"{host}/portrait.png", "audio_url": f"{host}/word.wav", **PARAMS}
    with queue_client(server, key) as client:
        submitted = client.post(f"/model/v1/queue/{MODEL}", json=sent).raise_for_status().json()
        early = client.get(submitted["response_url"])
        assert early.status_code == 202
        decode_queue_status(early.json())
        seen = wait(client, submitted["status_url"])
        assert "IN_PROGRESS" in seen
        result = decode_queue_result(client.get(submitted["response_url"]).raise_for_status().json())
        (output,) = result["outputs"]
        video = httpx.get(output["url"])
        assert len(video.content) == output["file_size"]
        assert 0.9 < output["duration"] < 1.2
        assert client.put(submitted["cancel_url"]).status_code == 400


def test_a_fault_is_completed_with_its_code(server: Server, key: str, host: str) -> None:
    sent = {"image_url": f"{host}/status/404", "audio_url": f"{host}/word.wav", **PARAMS}
    with queue_client(server, key) as client:
        submitted = client.post(f"/model/v1/queue/{MODEL}", json=sent).raise_for_status().json()
        wait(client, submitted["status_url"])
        result = decode_queue_result(client.get(submitted["response_url"]).raise_for_status().json())
    assert (result["outputs"], result["error_type"]) == ([], "003016097")


def test_a_render_that_is_cancelled_stops_and_leaves_nothing(server: Server, key: str, host: str) -> None:
    with queue_client(server, key) as client:
        sent = body(f"{host}/portrait.png", f"{host}/speech.wav", resolution="720p")
        path = "/model/v1/generation/task/" + client.post("/model/v1/generation", json=sent).raise_for_status().json()["id"]
        deadline = time.monotonic() + 60
        while client.get(path).json()["progress"] < 0.2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        ended = client.delete(path).raise_for_status().json()
        assert (ended["status"], ended["error"]["code"]) == ("failed", "003016031")
        task_id = ended["id"]
        while left := [file for file in server.data_dir.rglob("*") if task_id in file.name]:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
