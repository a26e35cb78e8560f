"""A server asked through every door to fetch from, or to call, an address inside: nothing arrives there, however it is spelt."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from acceptance.conftest import MODEL, Server, finish

REFUSALS = {"003016003", "003016004", "003016097"}


class Trap:
    """A service inside, which nobody outside may reach."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        trap = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trap.visits.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    server = Server(tmp_path_factory.mktemp("guarded") / "data", SPARK_AVATAR_FETCH_ALLOW="").start()
    with server.client(server.key()) as made:
        yield made
    server.stop()


HOSTS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "user:word@127.0.0.1",
    "example.com@127.0.0.1",
    "127。0。0。1",
]


def test_no_input_is_fetched_from_inside(client: httpx.Client, trap: Trap) -> None:
    made: list[str] = []
    for host in HOSTS:
        for door in ("image_url", "audio_url"):
            inputs = {"image_url": "data:image/png;base64,iVBORw0KGgo=", "audio_url": "data:audio/wav;base64,UklGRg=="}
            inputs[door] = f"http://{host}:{trap.port}/{door}"
            answer = client.post("/model/v1/generation", json={"model": MODEL, **inputs})
            assert answer.status_code in (200, 400), answer.text
            if answer.status_code == 200:
                made.append(answer.json()["id"])
    codes = {finish(client, task_id)["error"]["code"] for task_id in made}
    assert codes <= REFUSALS | {"003016013", "003016022"}  # of the other input, which is none
    assert trap.visits == []


def test_no_analysis_looks_inside(client: httpx.Client, trap: Trap) -> None:
    routes = [path for path in client.get("/openapi.json").json()["paths"] if "anal" in path]
    for path in routes:
        for host in HOSTS:
            for door in ("image_url", "audio_url", "url"):
                answer = client.post(path, json={door: f"http://{host}:{trap.port}/analysis"})
                assert answer.status_code in (200, 400, 422), (path, answer.text)
                if answer.status_code == 200:
                    assert answer.json()["error"]["code"] in REFUSALS, answer.text
    assert routes
    assert trap.visits == []


def test_no_webhook_knocks_inside(client: httpx.Client, trap: Trap) -> None:
    ended: list[str] = []
    for host in HOSTS:
        inputs = {"image_url": "data:image/png;base64,iVBORw0KGgo=", "audio_url": "data:audio/wav;base64,UklGRg=="}
        asked = {"model": MODEL, **inputs, "webhook_url": f"http://{host}:{trap.port}/webhook"}
        answer = client.post("/model/v1/generation", json=asked)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            ended.append(answer.json()["id"])
    for task_id in ended:
        assert finish(client, task_id)["status"] == "failed"
    assert trap.visits == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/", "stored:secret", "//127.0.0.1/", "/etc/passwd"]
)
def test_nothing_but_the_web_is_asked(client: httpx.Client, url: str) -> None:
    asked = {"model": MODEL, "image_url": url, "audio_url": "data:audio/wav;base64,UklGRg=="}
    answer = client.post("/model/v1/generation", json=asked)
    code = answer.json()["error"]["code"] if answer.status_code == 400 else finish(client, answer.json()["id"])["error"]["code"]
    assert code == "003016003"
