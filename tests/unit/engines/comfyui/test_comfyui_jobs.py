"""Jobs that end well, as an operator would see them on the server."""

import json
import socket
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from remote_jobs import Watcher, video_bytes

from spark_avatar.engines.comfyui.configuration import ServerAddress
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.errors import ResultParsingError
from spark_avatar.media.encoder import PROVENANCE
from spark_avatar.media.sniff import sniff_media
from spark_avatar.media.video import probe_video


def test_a_job_goes_there_and_its_video_comes_back(start, engine, job):
    server = start(seconds=0.4)
    comfy = engine(server)
    watcher = Watcher()
    rendition = comfy.render(job(comfy, fps=12, width=256), watcher)
    facts = probe_video(rendition.path)
    assert (facts.frames, facts.width) == (rendition.frames, rendition.width) == (25, 64)
    assert facts.comment == PROVENANCE
    assert rendition.warnings == ()
    sent = server.bodies[0]
    assert rendition.job_id == sent["prompt_id"] == next(iter(server.history))
    assert rendition.engine == "comfyui.comfyui_example"
    assert rendition.compute_units == 7  # 0.65 s of execution, ten a second
    graph = sent["prompt"]
    assert graph["4"]["inputs"]["amount"] == 12  # 1 s at 12 fps
    assert (graph["5"]["inputs"]["fps"], graph["3"]["inputs"]["width"], graph["3"]["inputs"]["height"]) == (12, 256, 512)
    assert sniff_media(server.uploads[graph["1"]["inputs"]["image"]]) == "PNG picture"
    assert graph["2"]["inputs"]["audio"].endswith(".wav")
    fractions = [fraction for fraction, _ in watcher.stages]
    assert fractions == sorted(fractions)
    assert any(0.05 < fraction < 0.9 for fraction in fractions)  # the websocket's word
    stages = dict.fromkeys(stage for _, stage in watcher.stages)
    assert list(stages) == ["preparing", "uploading", "rendering", "downloading", "checking"]


def test_no_two_jobs_are_the_same_to_the_cache(start, engine, job):
    server = start()
    comfy = engine(server)
    for name in ("a", "b"):
        comfy.render(job(comfy, name), SilentMonitor())
    first, second = (body["prompt"] for body in server.bodies)
    assert first["6"]["inputs"]["filename_prefix"] != second["6"]["inputs"]["filename_prefix"]
    assert first["1"]["inputs"]["image"] != second["1"]["inputs"]["image"]
    assert server.bodies[0]["client_id"] != server.bodies[1]["client_id"]


def test_newer_servers_are_asked_by_job(start, engine, job):
    server = start(jobs_api=True, seconds=0.2)
    comfy = engine(server)
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25
    asked = [path for _, path, _ in server.requests]
    assert any(path.startswith("/api/jobs/") for path in asked)
    assert asked.count("/queue") == 1  # for the choice of the server only


def test_headers_go_with_every_call_and_with_the_websocket_but_to_no_other_host(start, engine, job):
    elsewhere, server = start(), start(seconds=0.3)
    server.faults["GET /view"] = lambda handler: handler.reply(b"", 302, Location=elsewhere.url + handler.path)
    elsewhere.faults["GET /view"] = lambda handler: handler.reply(next(iter(server.files.values())))
    comfy = engine(server, headers={"X-Access": "open sesame"})
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25
    assert {headers.get("X-Access") for _, _, headers in server.requests} == {"open sesame"}
    assert any(path.startswith("/ws") for _, path, _ in server.requests)
    assert [headers.get("X-Access") for _, _, headers in elsewhere.requests] == [None]


def test_a_redirect_to_a_host_inside_is_not_followed(start, engine, job):
    elsewhere, server = start(), start(seconds=0.3)
    inside = elsewhere.url.replace("127.0.0.1", "localhost")
    server.faults["GET /view"] = lambda handler: handler.reply(b"", 302, Location=inside + handler.path)
    comfy = engine(server)
    with pytest.raises(ResultParsingError, match="not public"):
        comfy.render(job(comfy), SilentMonitor())
    assert not [path for _, path, _ in elsewhere.requests if path.startswith("/view")]


def test_a_websocket_that_is_sent_elsewhere_does_not_go_there(start, engine, job):
    elsewhere, server = start(), start(seconds=0.5)
    server.faults["GET /ws"] = lambda handler: handler.reply(
        b"", 302, Location=elsewhere.url.replace("http", "ws") + handler.path
    )
    comfy = engine(server, headers={"X-Access": "open sesame"})
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25
    assert any(path.startswith("/ws") for _, path, _ in server.requests)
    assert elsewhere.requests == []


def test_a_video_under_gifs_is_found_and_the_picture_beside_it_is_not_taken(start, engine, job):
    def outputs(name):
        preview = {"filename": "frame.png", "subfolder": "", "type": "temp"}
        return {"images": [preview], "gifs": [{"filename": name, "subfolder": "", "type": "output", "format": "video/h264-mp4"}]}

    comfy = engine(start(outputs=outputs))
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25


@pytest.mark.parametrize(
    ("delivered", "warning"),
    [
        ({"sound": None}, "remote_sound_replaced"),
        ({"seconds": 2.0, "sound": 2.0}, "remote_length_mended"),
        ({"seconds": 1.12, "sound": 1.0}, None),
    ],
)
def test_sound_and_length_are_mended(start, engine, job, delivered, warning):
    video = video_bytes(**delivered)
    comfy = engine(start(make=lambda _graph, _uploads: video))
    rendition = comfy.render(job(comfy), SilentMonitor())
    facts = probe_video(rendition.path)
    assert facts.audio_seconds == pytest.approx(1.0, abs=0.2)
    assert abs(facts.audio_seconds - facts.seconds) <= 1 / 25
    assert [found.code for found in rendition.warnings] == [warning] * (warning is not None)


def test_a_workflow_may_report_what_it_cost(start, engine, job, tmp_path):
    from spark_avatar.engines.comfyui.workflow import SHIPPED

    graph = json.loads((SHIPPED / "example.json").read_text())
    (tmp_path / "own.json").write_text(json.dumps(graph))
    (tmp_path / "own.mapping.json").write_text(json.dumps({"compute_units": "6"}))

    def outputs(name):
        return {"images": [{"filename": name, "subfolder": "", "type": "output"}], "text": ["spent 41.2 units"]}

    comfy = engine(start(outputs=outputs), workflow=tmp_path / "own.json")
    assert comfy.render(job(comfy), SilentMonitor()).compute_units == 42


def test_the_rate_is_the_servers_own(start, engine, job):
    server = start()
    comfy = engine(server)
    pooled = comfy._pool.servers[0]
    pooled.address = replace(ServerAddress(server.url), rate=1000)
    assert comfy.render(job(comfy), SilentMonitor()).compute_units == 250


def test_a_websocket_that_breaks_off_changes_nothing(start, engine, job):
    server = start(seconds=0.3)
    server.faults["GET /ws"] = lambda handler: handler.connection.close()
    comfy = engine(server)
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25


def test_a_websocket_that_breaks_off_in_the_middle_changes_nothing(start, engine, job):
    server = start(seconds=0.8)

    class CuttingWatcher(Watcher):
        def checkpoint(self):
            for connection in list(server.sockets.values()):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    watcher = CuttingWatcher()
    comfy = engine(server)
    assert comfy.render(job(comfy), watcher).frames == 25
    assert server.sockets


def test_a_slow_server_is_waited_for(start, engine, job):
    server = start(seconds=0.1)

    def slow(handler):
        time.sleep(0.2)
        handler.get_history()

    server.faults["GET /history"] = slow
    comfy = engine(server)
    assert comfy.render(job(comfy), SilentMonitor()).frames == 25


def test_a_hand_over_whose_answer_is_lost_is_found_again_and_not_sent_twice(start, engine, job):
    server = start(seconds=0.3)

    def swallow(handler):
        body = json.loads(handler.content)
        del body["prompt_id"]  # an older server chooses its own
        server.bodies.append(body)
        server.submit(body)
        handler.connection.close()

    server.faults["POST /prompt"] = swallow
    comfy = engine(server)
    rendition = comfy.render(job(comfy), SilentMonitor())
    assert len(server.bodies) == 1
    assert rendition.job_id == next(iter(server.history))
