"""Whatever a server says, what comes of it is one of our errors, never a crash."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from spark_avatar.engines.comfyui.client import ComfyClient, Refused, RemoteFile
from spark_avatar.engines.comfyui.job import _refusal, _touches
from spark_avatar.engines.comfyui.outcome import read_outcome, reported_units
from spark_avatar.engines.comfyui.progress import ProgressListener
from spark_avatar.engines.remote.client import read_result, task_error
from spark_avatar.engines.transport import Malformed, Reply
from spark_avatar.errors import GenerationError, ResultParsingError, SparkAvatarError

WORDS = some.sampled_from(
    [
        "status",
        "outputs",
        "messages",
        "status_str",
        "success",
        "error",
        "execution_error",
        "execution_success",
        "images",
        "gifs",
        "filename",
        "subfolder",
        "type",
        "a.mp4",
        "b.png",
        "data",
        "nodes",
        "node",
        "value",
        "max",
        "progress",
        "progress_state",
        "execution_cached",
        "executed",
        "timestamp",
        "errors",
        "node_errors",
        "dependent_outputs",
        "output",
        "content",
        "url",
        "usage",
        "metadata",
        "code",
        "message",
        "queue_running",
        "queue_pending",
        "client_id",
    ]
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | WORDS | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


def objects(*names):
    """Objects with some of these members, of any shape."""
    return some.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


OBJECTS = some.dictionaries(WORDS, JSON, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    objects("outputs")
    | some.builds(
        lambda outputs, status: {"outputs": outputs, "status": status},
        some.dictionaries(
            WORDS,
            some.dictionaries(WORDS, some.lists(objects("filename", "type", "subfolder"), max_size=2), max_size=2),
            max_size=2,
        ),
        objects("status_str")
        | some.builds(
            lambda m: {"messages": m},
            some.lists(
                some.tuples(
                    some.sampled_from(["execution_start", "execution_error", "execution_success", "x"]),
                    objects("timestamp", "node_type", "exception_message"),
                ).map(list),
                max_size=3,
            ),
        ),
    )
)
def test_records(record):
    with suppress(GenerationError, ResultParsingError):
        success = read_outcome(record, "6")
        assert success.videos
        assert all(isinstance(video, RemoteFile) for video in success.videos)
        reported_units(success.outputs, "6")


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_messages(message):
    listener = ProgressListener("http://nowhere", {}, "c", 3)
    listener.take(json.dumps(message))
    assert 0 <= listener.fraction <= 1


@settings(max_examples=200, deadline=None)
@given(
    some.sampled_from(["progress_state", "progress", "execution_cached", "executed"]),
    objects("nodes", "node", "value", "max", "state"),
)
def test_messages_of_known_kinds(kind, data):
    listener = ProgressListener("http://nowhere", {}, "c", 3)
    listener.take(json.dumps({"type": kind, "data": data}))
    assert 0 <= listener.fraction <= 1


@settings(max_examples=200, deadline=None)
@given(objects("error", "node_errors"))
def test_refusals(answer):
    assert _refusal(Refused(Reply(400, {}, json.dumps(answer).encode())))
    faults = answer.get("node_errors")
    if isinstance(faults, dict):
        _touches(faults, "6")


@settings(max_examples=200, deadline=None)
@given(some.dictionaries(WORDS, objects("errors", "dependent_outputs", "class_type"), max_size=3))
def test_faults_of_nodes(faults):
    assert _refusal(Refused(Reply(400, {}, json.dumps({"node_errors": faults, "error": "no"}).encode())))
    _touches(faults, "6")


@settings(max_examples=200, deadline=None)
@given(objects("output", "error", "usage", "metadata"))
def test_tasks_of_another_server(task):
    assert isinstance(task_error(task), SparkAvatarError)
    with suppress(ResultParsingError):
        result = read_result(task)
        assert result.url
        assert result.compute_units >= 0


class _Answering:
    """A transport that gives one answer."""

    def __init__(self, answer):
        self.answer = answer

    def get(self, *_args, **_more):
        return Reply(200, {}, json.dumps(self.answer).encode())


@settings(max_examples=200, deadline=None)
@given(JSON | objects("queue_running", "queue_pending", "x", "node"))
def test_queues_and_histories(answer):
    client = ComfyClient(_Answering(answer))
    for ask in (client.queue, client.system_stats, lambda: client.history("x"), lambda: client.node_description("node")):
        with suppress(Malformed):
            ask()


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("cannot open /srv/comfy/models/x.safetensors: gone", "cannot open …: gone"),
        (r"cannot open C:\comfy\models\x.ckpt", "cannot open …"),
        ("expected 3/4 channels and/or 2", "expected 3/4 channels and/or 2"),
        ("first line\nTraceback: more", "first line"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_a_nodes_message_tells_nothing_of_the_machine(message, kept):
    end = ["execution_error", {"node_type": "N", "exception_message": message}]
    with pytest.raises(GenerationError) as caught:
        read_outcome({"outputs": {}, "status": {"status_str": "error", "messages": [end]}}, None)
    assert caught.value.message == f"The workflow failed in its node N: {kept}"
