"""The versioned JSON documents, as they lie in the database."""

import json

import pytest

from spark_avatar.tasks.sql import documents
from spark_avatar.tasks.task import TaskFailure, TaskOutput, TaskRequest, TaskUsage

REQUEST = TaskRequest(model="m", image_url="i", audio_url="a", options={"fps": 25}, ignored=("x",))
# Written by the first release. These must be readable for ever: change the code, never these.
FIRST_REQUEST = '{"version":1,"content":{"model":"m","image_url":"i","audio_url":"a","options":{"fps":25},"ignored":["x"]}}'
FIRST_OUTPUTS = (
    '{"version":1,"content":[{"key":"k","media_type":"video/mp4","size":3,"job_id":"j","seconds":1.5,"width":2,"height":4}]}'
)
FIRST_USAGE = '{"version":1,"content":{"cost":"0.0420","discount":1.0,"compute_units":17}}'
FIRST_FAILURE = '{"version":1,"content":{"code":"003016014","message":"No face."}}'
FIRST_METADATA = '{"version":1,"content":{"seed":7,"warnings":[]}}'


def test_documents_of_the_first_release_are_read():
    assert documents.read_request(json.loads(FIRST_REQUEST)) == REQUEST
    assert documents.read_outputs(json.loads(FIRST_OUTPUTS)) == (TaskOutput("k", "video/mp4", 3, "j", 1.5, 2, 4),)
    assert documents.read_usage(json.loads(FIRST_USAGE)) == TaskUsage("0.0420", 1.0, 17)
    assert documents.read_failure(json.loads(FIRST_FAILURE)) == TaskFailure("003016014", "No face.")
    assert documents.read_metadata(json.loads(FIRST_METADATA)) == {"seed": 7, "warnings": []}


def test_documents_are_still_written_that_way():
    assert documents.request_document(REQUEST) == {**json.loads(FIRST_REQUEST), "content": {**_fields(), "ignored": ("x",)}}
    assert documents.usage_document(TaskUsage("0.0420", 1.0, 17)) == json.loads(FIRST_USAGE)
    assert documents.metadata_document({"seed": 7, "warnings": []}) == json.loads(FIRST_METADATA)


def test_a_later_releases_document_is_refused_rather_than_misread():
    with pytest.raises(documents.UnknownVersion, match="version 2"):
        documents.read_usage({"version": 2, "content": {"cost": 42}})


def test_numbers_that_json_cannot_write_become_none_at_any_depth():
    nan, infinite = float("nan"), float("-inf")
    document = documents.metadata_document({"a": nan, "b": {"c": [1.5, infinite, (nan,)]}, "d": True, "e": "nan"})
    assert document["content"] == {"a": None, "b": {"c": [1.5, None, [None]]}, "d": True, "e": "nan"}
    json.dumps(document, allow_nan=False)


def _fields():
    return json.loads(FIRST_REQUEST)["content"]
