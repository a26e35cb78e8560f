"""A client that decodes as a strictly typed language does: a field of another type than the contract's is an error."""

from typing import Any

Schema = dict[str, tuple[type | tuple[type, ...], bool]]
NUMBER = (int, float)

TASK: Schema = {
    "id": (str, True),
    "model": (str, True),
    "created_at": (int, True),
    "status": (str, True),
    "progress": (NUMBER, False),
    "output": (list, False),
    "usage": (dict, False),
    "error": (dict, False),
    "metadata": (dict, False),
}
CONTENT: Schema = {
    "type": (str, True),
    "url": (str, True),
    "size": (int, True),
    "jobId": (str, True),
    "duration": (str, False),
}
USAGE: Schema = {
    "cost": (str, True),
    "discount": (NUMBER, True),
    "input_tokens": (int, True),
    "output_tokens": (int, True),
    "total_tokens": (int, True),
    "generated_videos": (int, True),
    "generated_images": (int, True),
    "quantity": (int, False),
    "unit_price": (str, False),
}
ERROR: Schema = {"code": (str, True), "error_message": (str, True), "message": (str, True)}
TIMES = ("upload_at", "in_queue_at", "completed_at")


def decode(value: object, schema: Schema, where: str) -> dict[str, Any]:
    """The object, if every field has its type; fields outside the schema are tolerated, as typed decoders do."""
    assert isinstance(value, dict), f"{where} is {type(value).__name__}"
    for name, (kinds, required) in schema.items():
        if name not in value or value[name] is None:
            assert not required, f"{where}.{name} is missing"
            continue
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        assert type(value[name]) in kinds, f"{where}.{name} is {value[name]!r}"
    return value


def decode_task(value: object) -> dict[str, Any]:
    """A task object in any state, checked against the contract."""
    task = decode(value, TASK, "task")
    status = task["status"]
    assert status in ("in_progress", "completed", "failed")
    present = {name for name in ("output", "usage", "error") if task.get(name) is not None}
    assert present == {"in_progress": set(), "completed": {"output", "usage"}, "failed": {"error"}}[status], present
    if status == "in_progress":
        assert 0.0 <= task["progress"] <= 1.0
    for item in task.get("output") or []:
        assert item["content"]
        for content in item["content"]:
            assert decode(content, CONTENT, "content")["type"] == "video"
    if task.get("usage"):
        usage = decode(task["usage"], USAGE, "usage")
        assert float(usage["cost"]) >= 0
        assert usage["input_tokens"] == usage["output_tokens"] == 0
        assert usage["generated_videos"] == 1
    if task.get("error"):
        decode(task["error"], ERROR, "error")
    for name in TIMES:
        if name in (task.get("metadata") or {}):
            assert type(task["metadata"][name]) is float, name
    return task


QUEUE_STATUS: Schema = {
    "request_id": (str, True),
    "status": (str, True),
    "queue_position": (int, True),
    "logs": (list, True),
    "error": (str, False),
    "error_type": (str, False),
}
QUEUE_OUTPUT: Schema = {
    "type": (str, True),
    "url": (str, True),
    "jobId": (str, True),
    "content_type": (str, True),
    "file_name": (str, True),
    "file_size": (int, True),
    "width": (int, True),
    "height": (int, True),
    "duration": (NUMBER, True),
}
QUEUE_RESULT: Schema = {
    "request_id": (str, True),
    "status": (str, True),
    "outputs": (list, True),
    "usage": (dict, False),
    "metadata": (dict, True),
    "error": (str, False),
    "error_type": (str, False),
}


def decode_queue_status(value: object) -> dict[str, Any]:
    """Where a request of the queue protocol stands."""
    status = decode(value, QUEUE_STATUS, "status")
    assert status["status"] in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    return status


def decode_queue_result(value: object) -> dict[str, Any]:
    """The end of a request of the queue protocol."""
    result = decode(value, QUEUE_RESULT, "result")
    assert result["status"] == "COMPLETED"
    for output in result["outputs"]:
        assert decode(output, QUEUE_OUTPUT, "output")["type"] == "video"
    return result
