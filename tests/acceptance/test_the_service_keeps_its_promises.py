"""Fairness, idempotency, lists, cancelling, deleting, the queue protocol and metrics on a running server, on both databases."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from acceptance.conftest import MODEL, Server, body, finish, new_postgresql

CREATE = "/model/v1/generation"
SENT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that choose it."""
    return {} if request.param == "sqlite" else {"SPARK_AVATAR_DATABASE_URL": request.getfixturevalue("own_postgresql")}


@pytest.fixture(scope="module")
def busy(database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes videos."""
    running = Server(tmp_path_factory.mktemp("busy") / "data", **database).start()
    yield running
    running.stop()


def test_a_task_is_made_once_listed_followed_and_deleted_for_good(busy: Server, host: str) -> None:
    with busy.client(busy.key(account="anna")) as client, busy.client(busy.key(account="bob")) as stranger:
        sent = body(f"{host}/portrait.png", f"{host}/word.wav")
        once = {"Idempotency-Key": "first"}
        made = [client.post(CREATE, json=sent, headers=once).raise_for_status().json()["id"] for _ in range(3)]
        assert len(set(made)) == 1
        assert client.post(CREATE, json=body("https://e.x/a", "https://e.x/b"), headers=once).status_code == 409
        path = f"{CREATE}/task/{made[0]}"
        with client.stream("GET", f"{path}/events") as events:
            told = "".join(events.iter_text())
        assert "event: done" in told
        task = finish(client, made[0])
        assert task["status"] == "completed"
        listed = client.get(f"{CREATE}/tasks", params={"status": "completed", "limit": 5}).json()
        assert made[0] in str(listed)
        assert stranger.get(path).status_code == 404
        assert stranger.delete(path).status_code == 404
        video = task["output"][0]["content"][0]["url"]
        assert httpx.get(video).status_code == 200
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        assert httpx.get(video).status_code == 404
        assert not [file for file in busy.data_dir.rglob("*") if made[0] in file.name]


def test_the_queue_protocol_ends_in_a_video(busy: Server, host: str) -> None:
    with busy.client(busy.key()) as client:
        sent = {"image_url": f"{host}/portrait.png", "audio_url": f"{host}/word.wav", "resolution": "360p"}
        made = client.post(f"/model/v1/queue/{MODEL}", json=sent).raise_for_status().json()
        deadline = time.monotonic() + 90
        while client.get(made["status_url"]).json()["status"] != "COMPLETED":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get(made["response_url"]).json()["outputs"][0]["type"] == "video"


def test_metrics_tell_of_what_was_done(busy: Server, host: str) -> None:
    with busy.client(busy.key()) as client:
        done = client.post(CREATE, json=body(f"{host}/portrait.png", f"{host}/word.wav")).raise_for_status().json()["id"]
        assert finish(client, done)["status"] == "completed"
        faulty = client.post(CREATE, json=body(f"{host}/status/404", f"{host}/word.wav")).raise_for_status().json()["id"]
        assert finish(client, faulty)["error"]["code"] == "003016097"
    told = httpx.get(f"{busy.url}/metrics").text
    assert 'code="003016097"' in told
    assert "spark_avatar_worker_demand" in told
    assert "spark_avatar_stage_seconds_total" in told


@pytest.fixture(params=["sqlite", "postgresql"])
def quiet(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a database that no worker looks at."""
    if request.param == "sqlite":
        yield {}
        return
    with new_postgresql() as url:
        yield {"SPARK_AVATAR_DATABASE_URL": url}


def test_what_is_too_much_is_refused_before_anything_is_stored(quiet: dict[str, str], tmp_path: Path) -> None:
    limits = {
        "SPARK_AVATAR_MAX_QUEUED": "6",
        "SPARK_AVATAR_MAX_QUEUED_PER_ACCOUNT": "4",
        "SPARK_AVATAR_RATE_PER_KEY": "40/minute",
    }
    idle = Server(tmp_path / "data", workers=0, **quiet, **limits).start()
    try:
        with idle.client(idle.key(account="carl")) as carl, idle.client(idle.key(account="dora")) as dora:
            answers = [carl.post(CREATE, json=SENT) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
            assert answers[-1].json()["error"]["code"] == "account_queue_full"
            answers += [dora.post(CREATE, json=SENT) for _ in range(3)]
            assert [answer.status_code for answer in answers[5:]] == [200, 200, 503]
            assert int(answers[-1].headers["Retry-After"]) > 0
            assert len(dora.get(f"{CREATE}/tasks").json()["tasks"]) == 2
            for answer in answers:
                if answer.status_code == 200:
                    owner = carl if answers.index(answer) < 5 else dora
                    assert owner.delete(f"{CREATE}/task/{answer.json()['id']}").status_code == 200
            while (last := carl.get(f"{CREATE}/tasks")).status_code == 200:
                assert "RateLimit-Remaining" in last.headers or "ratelimit" in " ".join(last.headers).lower()
            assert last.status_code == 429
            assert int(last.headers["Retry-After"]) > 0
            assert dora.get(f"{CREATE}/tasks").status_code == 200
    finally:
        idle.stop()


def test_a_client_that_does_not_finish_its_request_loses_its_connection(tmp_path: Path) -> None:
    idle = Server(tmp_path / "data", workers=0, SPARK_AVATAR_CLIENT_SECONDS="1").start()
    try:
        for started in (
            b"",
            b"POST /model/v1/generation HTTP/1.1\r\nContent-Len",
            b"POST /api/v1/cli/token HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
        ):
            with socket.create_connection(("127.0.0.1", int(idle.url.rpartition(":")[2])), 60) as line:
                line.sendall(started)
                answer = b"".join(iter(lambda line=line: line.recv(65536), b""))  # until the server hangs up
            assert answer == b"" if not started else answer.startswith(b"HTTP/1.1 408 ")
        assert "Traceback" not in idle.log.read_text()
    finally:
        idle.stop()
