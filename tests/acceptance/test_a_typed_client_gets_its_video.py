"""Create, poll, download over HTTP, decoded as strictly as Go would; the MP4 plays in Chromium."""

import base64
import os
import shutil
import time
from pathlib import Path

import httpx
import pytest

from acceptance.conftest import MODEL, Server, body, finish
from acceptance.typed_client import decode_task
from spark_avatar.media.video import probe_video


@pytest.fixture(scope="module")
def states(server: Server, key: str, host: str) -> list[dict]:
    """Every state that polling showed of one task, from the answer to its creation to its end."""
    with server.client(key) as client:
        answer = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/speech.wav"))
        assert answer.status_code == 200
        seen = [answer.json()]
        deadline = time.monotonic() + 60
        while seen[-1]["status"] == "in_progress" and time.monotonic() < deadline:
            time.sleep(0.05)
            seen.append(client.get(f"/model/v1/generation/task/{seen[0]['id']}").raise_for_status().json())
    return seen


def test_every_state_decodes(states: list[dict]) -> None:
    tasks = [decode_task(state) for state in states]
    assert tasks[0]["status"] == "in_progress"
    assert tasks[-1]["status"] == "completed", tasks[-1]
    assert {(task["id"], task["created_at"], task["model"]) for task in tasks} == {
        (tasks[0]["id"], tasks[0]["created_at"], MODEL)
    }
    progress = [task["progress"] for task in tasks[:-1]]
    assert progress == sorted(progress)
    assert progress[0] == 0.0
    assert progress[-1] > 0.0


def test_the_completed_task_says_what_was_measured(states: list[dict]) -> None:
    metadata = states[-1]["metadata"]
    assert 0 <= metadata["in_queue_at"] <= metadata["upload_at"] <= metadata["completed_at"]
    assert metadata["engine"] == "portrait"
    assert metadata["seed"] == 1
    assert metadata["face"]["faces"] == 1
    assert metadata["audio"]["seconds"] == pytest.approx(2.0, abs=0.01)


def test_the_video_downloads_in_whole_and_in_part(states: list[dict], tmp_path: Path) -> None:
    content = states[-1]["output"][0]["content"][0]
    whole = httpx.get(content["url"])  # the link is the permission: no key
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert len(whole.content) == content["size"]
    part = httpx.get(content["url"], headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{content['size']}"
    assert part.content == whole.content[100:200]
    (tmp_path / "video.mp4").write_bytes(whole.content)
    facts = probe_video(tmp_path / "video.mp4")
    assert (facts.frames, facts.height) == (50, 360)
    assert abs(facts.seconds - facts.audio_seconds) <= 1 / 25


def test_a_link_that_was_tampered_with_is_refused(states: list[dict]) -> None:
    url = httpx.URL(states[-1]["output"][0]["content"][0]["url"])
    later = url.copy_merge_params({"expires": str(int(url.params["expires"]) + 3600)})
    assert httpx.get(later).status_code in (403, 404)
    assert httpx.get(url.copy_with(query=None)).status_code in (400, 403, 404)


def test_the_video_plays_in_chromium(states: list[dict], server: Server) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        assert not os.environ.get("CI"), "CI needs Chromium"
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    url = states[-1]["output"][0]["content"][0]["url"]
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=flags)
        page = chromium.new_page()
        page.goto(f"{server.url}/healthz")
        played = page.evaluate(
            """async url => {
              const video = document.createElement('video');
              video.muted = true; video.src = url; document.body.append(video);
              await video.play();
              await new Promise(done => { video.onended = done; video.onerror = done; setTimeout(done, 15000); });
              const seen = {time: video.currentTime, width: video.videoWidth, error: video.error && video.error.message};
              await new Promise(done => { video.onseeked = done; video.currentTime = 0.5; });
              return {...seen, sought: video.currentTime};
            }""",
            url,
        )
        chromium.close()
    assert played["error"] is None
    assert played["time"] == pytest.approx(2.0, abs=0.1)
    assert played["width"] == 360
    assert played["sought"] == pytest.approx(0.5, abs=0.05)


def test_all_bodies_lead_to_the_same_video(server: Server, key: str, host: str) -> None:
    params = {"image_url": f"{host}/portrait.png", "audio_url": f"{host}/word.wav", "resolution": "360p", "seed": 3}
    content = [
        {"type": "image_url", "url": params["image_url"]},
        {"type": "audio_url", "url": params["audio_url"]},
    ]
    bodies = [
        ({"model": MODEL, **params}, {}),
        (params, {"X-Model": MODEL}),
        ({"model": MODEL, "input": [{"params": params}], "moderation": True, "surprise": 1}, {}),
        ({"model": MODEL, "input": [{"content": content}]}, {}),
    ]
    with server.client(key) as client:
        created = [client.post("/model/v1/generation", json=sent, headers=headers) for sent, headers in bodies]
        assert [answer.status_code for answer in created] == [200] * 4, [answer.text for answer in created]
        ended = [finish(client, answer.json()["id"]) for answer in created]
    assert [task["status"] for task in ended] == ["completed"] * 4
    assert {"moderation", "surprise"} <= set(ended[2]["metadata"]["ignored"])


def test_data_urls_and_uploads_are_inputs(server: Server, key: str, media: Path) -> None:
    image = base64.b64encode((media / "portrait.png").read_bytes()).decode()
    with server.client(key) as client:
        with (media / "word.wav").open("rb") as file:
            stored = client.post("/api/v1/storage/files", files={"file": ("word.wav", file, "audio/wav")})
        assert stored.status_code == 200, stored.text
        assert stored.json()["url"] == stored.json()["data"]["url"]
        sent = body(f"data:image/png;base64,{image}", stored.json()["url"])
        task = finish(client, client.post("/model/v1/generation", json=sent).raise_for_status().json()["id"])
    assert task["status"] == "completed", task


def test_sync_stream_and_precharge(server: Server, key: str, host: str) -> None:
    sent = body(f"{host}/portrait.png", f"{host}/word.wav")
    with server.client(key) as client:
        task = client.post("/model/v1/generation/sync", json=sent).raise_for_status().json()
        assert decode_task(task)["status"] == "completed"
        created = client.post("/model/v1/generation", json=sent).json()
        with client.stream("GET", f"/model/v1/generation/task/{created['id']}/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = [line.removeprefix("event: ") for line in stream.iter_lines() if line.startswith("event: ")]
        assert events[-1] == "done"
        assert "output" in events
        quote = client.post("/model/v1/generation/precharge", json=sent).raise_for_status().json()
    assert quote["status"] == "success"
    assert type(quote["data"]["cost"]) is str


def test_another_accounts_task_does_not_exist(server: Server, states: list[dict]) -> None:
    with server.client(server.key("stranger", account="elsewhere")) as stranger:
        assert stranger.get(f"/model/v1/generation/task/{states[0]['id']}").status_code == 404


def test_a_revoked_key_is_refused_at_once(server: Server) -> None:
    key = server.run("keys", "create", "--name", "short-lived").strip()
    with server.client(key) as client:
        assert client.get("/model/v1/generation/task/nothing").status_code == 404
        server.run("keys", "revoke", "short-lived")
        answer = client.get("/model/v1/generation/task/nothing")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"message", "error", "request_id"}
