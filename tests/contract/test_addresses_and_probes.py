"""How addresses may be written, how monitors ask, and what the log shows of both."""

import httpx
import pytest
import structlog
from contract_house import House, call
from strict_client import decode_error, decode_task

CREATE = "/model/v1/generation"
FLAT = {
    "model": "spark_avatar_picture_omni_v2",
    "image_url": "https://example.com/a.jpg",
    "audio_url": "https://example.com/a.wav",
}


@pytest.mark.parametrize("public_url", [None, "https://video.example"])
def test_a_slash_at_the_end_leads_nowhere_else(public_url: str | None, house: House, key: str) -> None:
    app = house.app(public_url=public_url)
    answer = call(app, "POST", CREATE + "/", key, json=FLAT)
    assert answer.status_code == 200  # and not a redirect: clients would have to send their body and their key again
    task_id = decode_task(answer.text)["id"]
    assert call(app, "GET", f"{CREATE}/task/{task_id}/", key).json()["id"] == task_id
    assert call(app, "GET", "/api/v1/tasks//?limit=1", key).json()["tasks"][0]["id"] == task_id


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere/", 404), ("GET", "//", 404), ("GET", "//host.example/", 404), ("DELETE", "/healthz/", 405)],
)
def test_a_slash_at_the_end_makes_no_address_good(method: str, path: str, status: int, house: House, key: str) -> None:
    answer = call(house.app(), method, f"http://test{path}", key)
    assert answer.status_code == status
    assert "location" not in answer.headers
    decode_error(answer)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_monitors_may_ask_with_head(path: str, stranger: httpx.Client) -> None:
    asked, seen = stranger.head(path), stranger.get(path)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == seen.headers["content-type"]


def test_a_server_that_is_not_ready_says_so_to_head_too(house: House, key: str) -> None:
    answer = call(house.app(checks=lambda: {"workers": False}), "HEAD", "/readyz", key)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        ("/x%1b[31m", "/x%1B[31m"),
        ("/x%0d%0a%00%7f", "/x%0D%0A%00%7F"),
        ("/x%c2%9b%e2%80%ae", "/x%C2%9B%E2%80%AE"),  # a terminal's other control characters, and one that turns text around
        ("/Bär%20x", "/Bär x"),
    ],
)
def test_nothing_that_a_terminal_obeys_reaches_the_log(sent: str, logged: str, house: House, key: str) -> None:
    with structlog.testing.capture_logs() as lines:
        call(house.app(), "GET", sent, key)
    assert [line["path"] for line in lines if line["event"] == "request"] == [logged]
