"""Decodes the task object as a strictly typed client does: every field has one JSON type, and a wrong one is an error.

The tables are the contract's own, written down a second time on purpose.
"""

import json
from dataclasses import dataclass
from typing import Any

import httpx


class WrongType(AssertionError):
    pass


def is_integer(value: Any) -> bool:
    return type(value) is int  # json.loads makes 1.0 a float, as a Go decoder refuses it for an int


def is_number(value: Any) -> bool:
    return type(value) in (int, float)


def is_string(value: Any) -> bool:
    return type(value) is str


def is_object(value: Any) -> bool:
    return type(value) is dict


def is_array(value: Any) -> bool:
    return type(value) is list


TASK = {
    "id": is_string,
    "model": is_string,
    "created_at": is_integer,
    "status": is_string,
    "progress": is_number,
    "output": is_array,
    "usage": is_object,
    "error": is_object,
    "metadata": is_object,
}
CONTENT = {"type": is_string, "url": is_string, "size": is_integer, "jobId": is_string, "duration": is_string}
USAGE = {
    "cost": is_string,
    "discount": is_number,
    "input_tokens": is_integer,
    "output_tokens": is_integer,
    "total_tokens": is_integer,
    "generated_videos": is_integer,
    "generated_images": is_integer,
    "quantity": is_integer,
    "unit_price": is_string,
}
ERROR = {"code": is_string, "error_message": is_string, "message": is_string}
TIMES = ("upload_at", "in_queue_at", "completed_at")


def decode(value: dict[str, Any], table: dict[str, Any], *, required: set[str], place: str) -> dict[str, Any]:
    """Every member must be known, and of its type; null is no type."""
    if type(value) is not dict:
        raise WrongType(f"{place} is no object: {value!r}")
    missing = required - value.keys()
    if missing:
        raise WrongType(f"{place} lacks {sorted(missing)}")
    for name, member in value.items():
        if name not in table:
            raise WrongType(f"{place}.{name} is unknown")
        if not table[name](member):
            raise WrongType(f"{place}.{name} has the wrong type: {member!r}")
    return value


def decode_task(document: bytes | str) -> dict[str, Any]:
    task = decode(json.loads(document), TASK, required={"id", "model", "created_at", "status", "metadata"}, place="task")
    status = task["status"]
    present = task.keys() & {"progress", "output", "usage", "error"}
    expected = {"in_progress": {"progress"}, "completed": {"output", "usage"}, "failed": {"error"}}
    if status not in expected or present != expected[status]:
        raise WrongType(f"a task that is {status} has {sorted(present)}")
    for name in TIMES:
        if name in task["metadata"] and type(task["metadata"][name]) is not float:
            raise WrongType(f"metadata.{name} is no float")
    if status == "in_progress" and not 0 <= task["progress"] <= 1:
        raise WrongType("progress is out of range")
    for output in task.get("output", []):
        decode(output, {"content": is_array}, required={"content"}, place="output")
        for content in output["content"]:
            decode(content, CONTENT, required={"type", "url", "size", "jobId"}, place="content")
    if "usage" in task:
        decode(task["usage"], USAGE, required=set(USAGE) - {"quantity", "unit_price"}, place="usage")
        if not task["usage"]["cost"].replace(".", "", 1).isdecimal():
            raise WrongType(f"cost is no plain decimal: {task['usage']['cost']!r}")
    if "error" in task:
        decode(task["error"], ERROR, required=set(ERROR), place="error")
    return task


def decode_error(response: httpx.Response) -> dict[str, Any]:
    """The body that every error has, exactly; returns its `error`."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"message", "error", "request_id"}
    decode(body["error"], {"code": is_string, "message": is_string, "error_message": is_string}, required={"code"}, place="error")
    assert body["message"] == body["error"]["message"] == body["error"]["error_message"] != ""
    assert body["request_id"] == response.headers["x-request-id"]
    return body["error"]


@dataclass
class StrictClient:
    """Calls the server with a key, as the hosted model's clients do."""

    http: httpx.Client

    def create(self, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        response = self.http.post("/model/v1/generation", json=body, **options)
        assert response.status_code == 200, response.text
        return decode_task(response.content)

    def poll(self, task_id: str) -> dict[str, Any]:
        response = self.http.get(f"/model/v1/generation/task/{task_id}")
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return decode_task(response.content)
