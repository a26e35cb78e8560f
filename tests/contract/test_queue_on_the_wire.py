"""The queue protocol in every state, decoded strictly; its addresses are followed as they are given."""

import json
from typing import Any

import httpx
import pytest
from contract_house import House, Worker
from strict_client import USAGE, WrongType, decode, decode_error, is_array, is_integer, is_number, is_object, is_string

MODEL = "spark_avatar_picture_omni_v2"
PARAMS = {"image_url": "https://example.com/a.jpg", "audio_url": "https://example.com/a.wav"}
SUBMIT = f"/model/v1/queue/{MODEL}"

URLS = {"response_url": is_string, "status_url": is_string, "cancel_url": is_string}
SUBMITTED = {"request_id": is_string, "queue_position": is_integer, **URLS}
STATUS = {
    **SUBMITTED,
    "status": is_string,
    "logs": is_array,
    "metrics": is_object,
    "error": is_string,
    "error_type": is_string,
}
LOG = {"timestamp": is_string, "level": is_string, "message": is_string}
RESULT = {
    "request_id": is_string,
    "status": is_string,
    "outputs": is_array,
    "usage": is_object,
    "metadata": is_object,
    "error": is_string,
    "error_type": is_string,
}
OUTPUT = {
    "type": is_string,
    "url": is_string,
    "jobId": is_string,
    "content_type": is_string,
    "file_name": is_string,
    "file_size": is_integer,
    "width": is_integer,
    "height": is_integer,
    "duration": is_number,
}


def decode_status(document: bytes) -> dict[str, Any]:
    required = set(SUBMITTED) | {"status", "logs"}
    body = decode(json.loads(document), STATUS, required=required, place="status")
    if body["status"] not in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED"):
        raise WrongType(body["status"])
    assert ("metrics" in body) == (body["status"] == "COMPLETED")
    assert ("error" in body) == ("error_type" in body)
    for log in body["logs"]:
        assert decode(log, LOG, required=set(LOG), place="log")["timestamp"].endswith("Z")
    return body


def decode_result(document: bytes) -> dict[str, Any]:
    body = decode(json.loads(document), RESULT, required={"request_id", "status", "outputs", "metadata"}, place="result")
    assert body["status"] == "COMPLETED"
    for output in body["outputs"]:
        decode(output, OUTPUT, required=set(OUTPUT), place="output")
    if "usage" in body:
        decode(body["usage"], USAGE, required=set(USAGE) - {"quantity", "unit_price"}, place="usage")
    assert ("usage" in body) == (body["outputs"] != []) == ("error" not in body)
    return body


@pytest.fixture
def submitted(http: httpx.Client) -> dict[str, Any]:
    response = http.post(SUBMIT, json=PARAMS)
    assert response.status_code == 200, response.text
    return decode(response.json(), SUBMITTED, required=set(SUBMITTED), place="submitted")


def test_addresses_are_absolute(submitted: dict, server: str) -> None:
    request = f"{server}{SUBMIT}/requests/{submitted['request_id']}"
    assert submitted["response_url"] == f"{request}/response"
    assert submitted["status_url"] == f"{request}/status"
    assert submitted["cancel_url"] == f"{request}/cancel"


def test_a_waiting_request(http: httpx.Client, submitted: dict) -> None:
    status = http.get(submitted["status_url"])
    assert status.status_code == 200
    body = decode_status(status.content)
    assert (body["status"], body["request_id"]) == ("IN_QUEUE", submitted["request_id"])
    assert [log["message"] for log in body["logs"]] == ["queued"]
    early = http.get(submitted["response_url"])
    assert early.status_code == 202
    assert decode_status(early.content) == body


def test_a_running_request(http: httpx.Client, submitted: dict, worker: Worker) -> None:
    _, claim = worker.start(submitted["request_id"])
    worker.report(submitted["request_id"], claim, 0.4)
    body = decode_status(http.get(submitted["status_url"]).content)
    assert (body["status"], body["queue_position"]) == ("IN_PROGRESS", 0)
    assert [log["message"] for log in body["logs"]] == ["queued", "started", "inputs fetched", "render: 40%"]
    early = http.get(submitted["response_url"])
    assert (early.status_code, decode_status(early.content)["status"]) == (202, "IN_PROGRESS")


def test_a_completed_request(http: httpx.Client, submitted: dict, worker: Worker) -> None:
    worker.complete(*worker.start(submitted["request_id"]), content=b"v" * 1000)
    status = decode_status(http.get(submitted["status_url"]).content)
    assert (status["status"], status["logs"][-1]["message"]) == ("COMPLETED", "completed")
    assert type(status["metrics"]["inference_time"]) is float
    response = http.get(submitted["response_url"])
    assert response.status_code == 200
    body = decode_result(response.content)
    (output,) = body["outputs"]
    assert httpx.get(output["url"]).content == b"v" * 1000
    assert {name: value for name, value in output.items() if name != "url"} == {
        "type": "video",
        "jobId": "job-1",
        "content_type": "video/mp4",
        "file_name": f"{submitted['request_id']}.mp4",
        "file_size": 1000,
        "width": 512,
        "height": 512,
        "duration": 5.96,
    }
    assert body["usage"]["cost"] == "0.0420"
    assert body["metadata"]["engine"] == "portrait"


def test_a_failed_request_is_completed_with_an_error(http: httpx.Client, submitted: dict, worker: Worker) -> None:
    worker.fail(*worker.start(submitted["request_id"]))
    status = decode_status(http.get(submitted["status_url"]).content)
    assert (status["status"], status["error_type"]) == ("COMPLETED", "003016014")
    assert status["logs"][-1]["level"] == "ERROR"
    response = http.get(submitted["response_url"])
    assert response.status_code == 200
    assert decode_result(response.content)["error"] == status["error"] == "No human face was found in the image."


def test_a_cancelled_request(http: httpx.Client, submitted: dict) -> None:
    cancelled = http.put(submitted["cancel_url"])
    assert (cancelled.status_code, cancelled.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = decode_status(http.get(submitted["status_url"]).content)
    assert (status["status"], status["error_type"]) == ("COMPLETED", "003016031")
    again = http.put(submitted["cancel_url"])
    assert again.status_code == 400
    assert again.json()["status"] == "ALREADY_COMPLETED"
    assert again.json()["error"]["code"] == "already_completed"


def test_it_is_the_same_task_as_in_the_generation_calls(http: httpx.Client, house: House) -> None:
    sent = PARAMS | {"seed": 7, "mood": "sunny"}
    request_id = http.post(SUBMIT, json=sent, headers={"Idempotency-Key": "once"}).json()["request_id"]
    assert http.post(SUBMIT, json=sent, headers={"Idempotency-Key": "once"}).json()["request_id"] == request_id
    task = http.get(f"/model/v1/generation/task/{request_id}").json()
    assert (task["id"], task["metadata"]["seed"], task["metadata"]["ignored"]) == (request_id, 7, ["mood"])


def test_a_key_may_come_as_key(submitted: dict, key: str, stranger: httpx.Client) -> None:
    assert stranger.get(submitted["status_url"], headers={"Authorization": f"Key {key}"}).status_code == 200


def test_positions_count_from_the_front(http: httpx.Client, submitted: dict) -> None:
    behind = http.post(SUBMIT, json=PARAMS).json()
    first = decode_status(http.get(submitted["status_url"]).content)["queue_position"]
    assert behind["queue_position"] > first
    assert decode_status(http.get(behind["status_url"]).content)["queue_position"] == behind["queue_position"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/model/v1/queue/no_such_model", PARAMS, 400, "unknown_model"),
        (SUBMIT, {}, 400, "003016001"),
        (SUBMIT, [], 400, "invalid_request"),
        (SUBMIT, "text", 400, "invalid_request"),
        (SUBMIT, PARAMS | {"fps": "fast"}, 400, "invalid_parameter"),
    ],
)
def test_a_submission_that_cannot_be_used(path: str, body: object, status: int, code: str, http: httpx.Client) -> None:
    response = http.post(path, json=body)
    assert response.status_code == status
    assert decode_error(response)["code"] == code


def test_only_the_owner_and_the_right_model_see_a_request(submitted: dict, house: House, stranger: httpx.Client) -> None:
    _, other = house.keys.create("other", account="queue-stranger")
    for method, name in (("GET", "status"), ("GET", "response"), ("PUT", "cancel")):
        url = submitted[f"{name}_url"]
        assert stranger.request(method, url).status_code == 401
        hidden = stranger.request(method, url, headers={"Authorization": f"Key {other}"})
        assert (hidden.status_code, decode_error(hidden)["code"]) == (404, "not_found")
        assert stranger.request(method, url.replace(MODEL, "m"), headers={"Authorization": f"Key {other}"}).status_code == 404
