"""Every HTTP-level error: its status, its body, its headers."""

import gzip
import json

import httpx
import pytest
from contract_house import House, call
from strict_client import StrictClient, decode_error

from spark_avatar.errors import QueueFull, TaskCreationError
from spark_avatar.schemas.generation import GenerationRequest

MODEL = "spark_avatar_picture_omni_v2"
CREATE = "/model/v1/generation"
FLAT = {"model": MODEL, "image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "invalid_request", "JSON"),
        (b"not json", "invalid_request", "JSON"),
        (b"\xff\xfe", "invalid_request", "JSON"),
        (b'{"model": NaN}', "invalid_request", "JSON"),
        (b"[" * 200_000, "invalid_request", "JSON"),
        (b'{"a":' * 100_000, "invalid_request", "JSON"),
        (b"[]", "invalid_request", "a list"),
        (b"null", "invalid_request", "null"),
        (b'"text"', "invalid_request", "a string"),
        ({"image_url": "x"}, "invalid_request", "`model` is missing"),
        ({"model": 5}, "invalid_request", "a number"),
        (FLAT | {"model": "no_such_model"}, "unknown_model", "no_such_model"),
        ({"model": MODEL, "input": None}, "003016001", "image_url"),
        ({"model": MODEL, "input": {}}, "invalid_request", "`input` must be a list"),
        ({"model": MODEL, "input": []}, "invalid_request", "holds 0"),
        ({"model": MODEL, "input": [{}, {}]}, "invalid_request", "holds 2"),
        ({"model": MODEL, "input": ["x"]}, "invalid_request", "`input[0]`"),
        ({"model": MODEL, "input": [{"params": []}]}, "invalid_request", "`input[0].params`"),
        ({"model": MODEL, "input": [{"content": "x"}]}, "invalid_request", "`input[0].content`"),
        ({"model": MODEL, "input": [{"content": [7]}]}, "invalid_request", "content[0]"),
        ({"model": MODEL, "input": [{"content": [{"type": "image_url"}]}]}, "invalid_request", "no `url`"),
        (
            {"model": MODEL, "input": [{"params": {"image_url": "a"}, "content": [{"type": "image_url", "url": "b"}]}]},
            "invalid_request",
            "twice",
        ),
        ({"model": MODEL}, "003016001", "image_url"),
        ({"model": MODEL, "input": [{"params": {}}]}, "003016001", "image_url"),
        ({"model": MODEL, "image_url": "", "audio_url": "x"}, "003016001", "image_url"),
        ({"model": MODEL, "image_url": "https://example.com/a.jpg"}, "003016002", "audio_url"),
        (FLAT | {"image_url": 7}, "003016003", "`image_url` must be a text, not a number"),
        (FLAT | {"audio_url": ["x"]}, "003016004", "audio_url"),
        (FLAT | {"fps": "fast"}, "invalid_parameter", "fps"),
        (FLAT | {"seed": -1}, "invalid_parameter", "seed"),
    ],
)
def test_a_body_that_cannot_be_used_is_a_400_that_says_why(http: httpx.Client, body: object, code: str, says: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = http.post(CREATE, content=content)
    assert response.status_code == 400
    error = decode_error(response)
    assert error["code"] == code
    assert says in error["message"]


@pytest.mark.parametrize("path", [CREATE, "/api/v1/keys", "/api/v1/storage/files"])
@pytest.mark.parametrize("coding", ["gzip", "Deflate", "identity, br"])
def test_a_compressed_body_is_a_415_that_says_so(http: httpx.Client, path: str, coding: str) -> None:
    kind = "multipart/form-data; boundary=b" if path.endswith("files") else "application/json"
    headers = {"Content-Encoding": coding, "Content-Type": kind}
    response = http.post(path, content=gzip.compress(json.dumps(FLAT).encode()), headers=headers)
    assert response.status_code == 415
    error = decode_error(response)
    assert error["code"] == "unsupported_media_type"
    assert "uncompressed" in error["message"]


def test_a_body_that_is_as_it_is_may_say_so(http: httpx.Client) -> None:
    assert http.post(CREATE, json=FLAT, headers={"Content-Encoding": "Identity"}).status_code == 200


@pytest.mark.parametrize(("path", "body"), [(CREATE, FLAT), ("/api/v1/analyze/image", {}), ("/api/v1/session", {})])
def test_a_byte_order_mark_before_json_is_overlooked(http: httpx.Client, path: str, body: dict[str, str]) -> None:
    document = json.dumps(body).encode()
    plain, marked = (
        http.post(path, content=content, headers={"Content-Type": "application/json"})
        for content in (document, b"\xef\xbb\xbf" + document)
    )
    assert plain.status_code == marked.status_code
    assert marked.status_code == 200 or decode_error(plain)["message"] == decode_error(marked)["message"]


def test_header_and_body_must_name_the_same_model(http: httpx.Client) -> None:
    response = http.post(CREATE, json=FLAT, headers={"X-Model": "another"})
    assert response.status_code == 400
    assert "X-Model" in decode_error(response)["message"]
    assert http.post(CREATE, json=FLAT, headers={"X-Model": MODEL}).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer sk-spark-wrong", "sk-spark-alone"])
@pytest.mark.parametrize("call", [("POST", CREATE), ("GET", CREATE + "/task/x"), ("POST", "/api/v1/storage/files")])
def test_without_a_valid_key_there_is_only_a_401(stranger: httpx.Client, header: str | None, call: tuple[str, str]) -> None:
    response = stranger.request(*call, headers={} if header is None else {"Authorization": header})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert decode_error(response)["code"] == "unauthorized"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Key", "key"])
def test_the_scheme_of_the_key_is_read_generously(stranger: httpx.Client, key: str, scheme: str) -> None:
    assert stranger.post(CREATE, json=FLAT, headers={"Authorization": f"{scheme} {key}"}).status_code == 200


def test_a_revoked_key_is_refused_at_once(stranger: httpx.Client, house: House) -> None:
    record, secret = house.keys.create("short-lived", account="revoked")
    headers = {"Authorization": f"Bearer {secret}"}
    assert stranger.post(CREATE, json=FLAT, headers=headers).status_code == 200
    house.keys.revoke(record.id)
    assert stranger.post(CREATE, json=FLAT, headers=headers).status_code == 401


def test_strangers_cannot_make_the_server_read_a_body(stranger: httpx.Client) -> None:
    assert stranger.post(CREATE, content=b"x" * 10_000_000).status_code == 401


def test_a_body_over_the_limit_is_a_413(http: httpx.Client) -> None:
    # The limits of these tests: 1 MiB of image and 2 MiB of audio, in base64.
    assert http.post(CREATE, json=FLAT | {"image_url": "data:image/png;base64," + "A" * 1_300_000}).status_code == 200
    for content in (b"x" * 5_000_000, (b"x" * 100_000 for _ in range(50))):  # with a length, and chunked
        response = http.post(CREATE, content=content)
        assert response.status_code == 413
        assert decode_error(response)["code"] == "payload_too_large"
    short = http.post("/api/v1/tasks/any/share", content=b"x" * 70_000)  # a body of few members
    assert "at most 64 KiB are accepted" in decode_error(short)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", CREATE + "/task/no-such-task", 404, "not_found"),
        ("GET", CREATE + "/task/no-such-task/stream", 404, "not_found"),
        ("GET", CREATE, 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
        ("GET", "/api/v1/skill/models?page=zero", 400, "invalid_request"),
        ("GET", "/api/v1/skill/models?page_size=1000", 400, "invalid_request"),
        ("GET", CREATE + "/task/x/stream?cursor=-1", 400, "invalid_request"),
        ("GET", "/faulty", 500, "internal_error"),
    ],
)
def test_other_errors_have_the_same_body(http: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    response = http.request(method, path)
    assert response.status_code == status
    assert decode_error(response)["code"] == code


def test_a_fault_of_the_server_tells_nothing_of_its_inside(http: httpx.Client) -> None:
    text = http.get("/faulty").text
    assert "secret" not in text
    assert "Traceback" not in text


def test_problem_details_come_only_where_they_are_asked_for(http: httpx.Client) -> None:
    response = http.get("/nowhere", headers={"Accept": "application/problem+json, application/json"})
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code == 404
    assert problem["title"] == "Not Found"
    assert problem["code"] == "not_found"
    assert problem["request_id"] == response.headers["x-request-id"]
    decode_error(http.get("/nowhere", headers={"Accept": "application/json"}))
    decode_error(http.get("/nowhere", headers={"Accept": "*/*"}))


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/faulty", CREATE + "/task/x"])
def test_the_request_id_is_echoed_on_every_answer(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path, headers={"X-Request-Id": "my-id.1"}).headers["x-request-id"] == "my-id.1"


@pytest.mark.parametrize("sent", [None, "", "a" * 129, "two words", "umlaut-ä".encode()])
def test_an_odd_request_id_is_replaced(stranger: httpx.Client, sent: str | bytes | None) -> None:
    chosen = stranger.get("/healthz", headers={} if sent is None else {"X-Request-Id": sent}).headers["x-request-id"]
    assert len(chosen) == 32
    assert chosen != sent


def test_the_task_remembers_its_request_id(client: StrictClient, house: House) -> None:
    task = client.create(FLAT, headers={"X-Request-Id": "trace-me"})
    assert house.store.get(task["id"]).request_id == "trace-me"


@pytest.mark.parametrize(("error", "code"), [(QueueFull(), "queue_full"), (TaskCreationError(), "003016099")])
def test_a_server_that_takes_no_work_answers_503_and_when_to_come_back(
    house: House, key: str, error: Exception, code: str
) -> None:
    class Full:
        def submit(self, request: GenerationRequest, **_: object) -> None:
            raise error

    response = call(house.app(generation=Full()), "POST", CREATE, key, json=FLAT)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert decode_error(response)["code"] == code


def test_readiness_follows_the_checks(house: House, key: str) -> None:
    assert call(house.app(), "GET", "/readyz", key).status_code == 200
    response = call(house.app(checks=lambda: {"database": True, "workers": False}), "GET", "/readyz", key)
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": True, "workers": False}


def test_metrics_count_by_route_and_not_by_address(http: httpx.Client) -> None:
    for number in range(3):
        http.get(f"{CREATE}/task/no-such-task-{number}")
    http.request("PROPFIND", "/nowhere")
    text = http.get("/metrics").text
    assert 'spark_avatar_http_requests_total{method="GET",route="/model/v1/generation/task/{task_id}",status="404"}' in text
    assert 'method="OTHER",route="unmatched"' in text
    assert "no-such-task" not in text
    assert 'spark_avatar_tasks{status="queued"}' in text
    assert "spark_avatar_oldest_queued_seconds" in text
