"""One trace from the caller's own span over the request to the worker's steps, as a collector receives it."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from acceptance.conftest import Server, body, finish

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes OTLP in JSON, as any OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: list[dict] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, content: dict) -> None:
        for resource in content["resourceSpans"]:
            facts = _facts(resource["resource"])
            self.services.add(facts["service.name"])
            for scope in resource["scopeSpans"]:
                self.spans += scope["spans"]

    def of_trace(self, trace: str) -> dict[str, dict]:
        return {span["name"]: span for span in self.spans if span["traceId"].lower() == trace}


def _facts(thing: dict) -> dict[str, str]:
    return {each["key"]: next(iter(each["value"].values())) for each in thing.get("attributes", [])}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def until_there(collector: Collector, name: str) -> dict[str, dict]:
    deadline = time.monotonic() + 60
    while name not in collector.of_trace(TRACE):
        assert time.monotonic() < deadline, collector.of_trace(TRACE).keys()
        time.sleep(0.05)
    return collector.of_trace(TRACE)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that choose it: the trace of a request is carried to its worker by the task's record."""
    return {} if request.param == "sqlite" else {"SPARK_AVATAR_DATABASE_URL": request.getfixturevalue("own_postgresql")}


def test_a_trace_goes_from_the_request_to_the_upload(
    collector: Collector, database: dict[str, str], host: str, tmp_path: Path
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server.server_address[1]}"
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_TRACES_SAMPLER": "always_on"}
    server = Server(tmp_path / "data", **settings, **database).start()
    try:
        with server.client(server.key()) as client:
            given = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            request = body(f"{host}/portrait.png", f"{host}/word.wav")
            task_id = client.post("/model/v1/generation", json=request, headers=given).json()["id"]
            assert finish(client, task_id)["status"] == "completed"
            spans = until_there(collector, "task")
            faulty = body(f"{host}/status/404", f"{host}/word.wav")
            client.post("/model/v1/generation", json=faulty, headers={"traceparent": f"00-{'1' * 32}-{CALLER}-01"})
            deadline = time.monotonic() + 60
            while "task" not in collector.of_trace("1" * 32):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        server.stop()
    assert collector.services == {"spark-avatar"}
    create = spans["POST /model/v1/generation"]
    assert create["parentSpanId"].lower() == CALLER
    assert spans["task"]["parentSpanId"] == create["spanId"]
    assert _facts(spans["task"])["task.id"] == task_id
    below = {name for name, span in spans.items() if span.get("parentSpanId") == spans["task"]["spanId"]}
    assert {"claim", "fetch", "upload"} <= below
    stages = [name for name in below if name.startswith("stage ")]
    assert len(stages) >= 2, spans.keys()
    for name in below:
        assert int(spans[name]["startTimeUnixNano"]) <= int(spans[name]["endTimeUnixNano"])
    failed = collector.of_trace("1" * 32)["task"]
    assert failed["status"]["code"] in (2, "STATUS_CODE_ERROR")
    assert _facts(failed)["error.type"] == "003016097"
    assert host not in json.dumps(collector.spans)  # no addresses of inputs
