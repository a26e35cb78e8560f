"""Our client against what real servers said: ComfyUI 0.3.64, 0.16.3 and 0.30.0, recorded word for word."""

import json

import pytest
from comfyui_replay import RECORDINGS, messages, replaying

from spark_avatar.engines.comfyui.client import ComfyClient
from spark_avatar.engines.comfyui.progress import ProgressListener
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.engines.transport import Transport
from spark_avatar.errors import GenerationError, TaskCreationError

pytestmark = pytest.mark.parametrize("recording", RECORDINGS, ids=[path.stem for path in RECORDINGS])


def test_there_are_recordings(recording):
    assert len(RECORDINGS) >= 3


def test_a_success(recording, engine, job, finished):
    with replaying(recording, "success", finished) as server:
        comfy = engine(server)
        rendition = comfy.render(job(comfy), SilentMonitor())
        assert rendition.job_id == server.bodies[0]["prompt_id"]
        assert rendition.compute_units > 0
        assert 0.1 < rendition.timings["remote_execution"] < 60
        assert sum(path.startswith("/view?filename=") for _, path, _ in server.requests) == 1


def test_a_refusal(recording, engine, job, finished):
    with replaying(recording, "refused", finished) as server:
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match=r"refused the workflow: ImageScale: Value not in list \(.*not in \["):
            comfy.render(job(comfy), SilentMonitor())


def test_a_failure_in_a_node(recording, engine, job, finished):
    with replaying(recording, "failed", finished) as server:
        comfy = engine(server)
        with pytest.raises(GenerationError, match=r"failed in its node SaveVideo: .*Generic error in an external library"):
            comfy.render(job(comfy), SilentMonitor())


def test_its_messages_tell_the_progress(recording):
    listener = ProgressListener("http://nowhere", {}, "client", 6)
    seen = [listener.fraction]
    for message in messages(recording, "success"):
        listener.take(json.dumps(message))
        seen.append(listener.fraction)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 6
    assert seen[-1] == 1


def test_its_facts_are_read(recording, finished):
    with replaying(recording, "success", finished) as server:
        client = ComfyClient(Transport(server.url))
        assert recording.stem.endswith(client.system_stats()["system"]["comfyui_version"])
        assert len(client.queue()) == 0
        assert client.has_jobs() is ("0.3." not in recording.stem)
