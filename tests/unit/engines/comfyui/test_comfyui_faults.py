"""Every way in which a server can fail, and the code that the caller gets."""

import time
from dataclasses import replace

import pytest
from comfyui_server import NODES
from remote_jobs import Watcher, video_bytes

from spark_avatar.engines import finished_video, transport
from spark_avatar.engines.comfyui.configuration import none_is_drained
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.errors import (
    Canceled,
    GenerationError,
    InvalidOptions,
    RemoteStatusError,
    ResultParsingError,
    StatusCheckError,
    TaskCreationError,
)

WATCH = SilentMonitor()


def until(condition, seconds=3.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


class TestTaskCreation:
    """003016099."""

    def test_nobody_listens(self, start, engine, job):
        server = start()
        comfy = engine(server)
        server.die()
        with pytest.raises(TaskCreationError, match="server 1: it cannot be reached"):
            comfy.render(job(comfy), WATCH)

    def test_a_node_is_missing_and_named(self, start, engine, job):
        nodes = {name: node for name, node in NODES.items() if name != "CreateVideo"}
        server = start(nodes=nodes)
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="not installed: CreateVideo"):
            comfy.render(job(comfy), WATCH)
        assert server.bodies == []

    def test_the_workflow_is_refused(self, start, engine, job):
        error = {"type": "value_not_in_list", "message": "Value not in list", "details": "crop: 'x' not in ['a']"}
        fault = {"3": {"errors": [error], "dependent_outputs": ["6"], "class_type": "ImageScale"}}
        body = {"error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed", "details": ""}}
        server = start()
        server.faults["POST /prompt"] = lambda handler: handler.reply({**body, "node_errors": fault}, 400)
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="ImageScale: Value not in list"):
            comfy.render(job(comfy), WATCH)

    def test_accepted_but_for_the_output_that_is_wanted(self, start, engine, job):
        error = {"type": "custom_validation_failed", "message": "Invalid image file", "details": "image"}
        faults = {"1": {"errors": [error], "dependent_outputs": ["6"], "class_type": "LoadImage"}}
        server = start(answer_extra={"node_errors": faults}, seconds=5.0)
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="LoadImage: Invalid image file"):
            comfy.render(job(comfy), WATCH)
        assert len(server.interrupted) == 1

    def test_accepted_but_for_another_output(self, start, engine, job):
        server = start(answer_extra={"node_errors": {"9": {"errors": [], "dependent_outputs": ["8"], "class_type": "X"}}})
        comfy = engine(server)
        assert comfy.render(job(comfy), WATCH).frames == 25

    @pytest.mark.parametrize("answer", [b"500 Internal Server Error\n\nServer got itself in trouble", {"error": "x"}])
    def test_the_server_gets_into_trouble(self, start, engine, job, answer):
        server = start()
        server.faults["POST /prompt"] = lambda handler: handler.reply(answer, 500)
        comfy = engine(server)
        with pytest.raises(TaskCreationError):
            comfy.render(job(comfy), WATCH)

    def test_nobody_knows_whether_the_job_was_taken(self, start, engine, job):
        server = start()
        server.faults["POST /prompt"] = lambda handler: handler.connection.close()
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="did not say whether"):
            comfy.render(job(comfy), WATCH)

    def test_it_hangs_when_the_job_is_handed_over(self, start, engine, job):
        server = start()
        server.faults["POST /prompt"] = lambda handler: handler.hang()
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="did not say whether"):
            comfy.render(job(comfy), WATCH)

    def test_it_hangs_when_it_is_asked_how_it_is(self, start, engine, job):
        server = start()
        server.faults["GET /system_stats"] = lambda handler: handler.hang()
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="does not answer in time"):
            comfy.render(job(comfy), WATCH)
        assert server.bodies == []

    @pytest.mark.parametrize("answer", [b"<html>", [1], {"queue_running": 3}])
    def test_the_answers_make_no_sense(self, start, engine, job, answer):
        server = start()
        server.faults["GET /queue"] = lambda handler: handler.reply(answer)
        comfy = engine(server)
        with pytest.raises(TaskCreationError, match="No ComfyUI server can take the job"):
            comfy.render(job(comfy), WATCH)

    def test_the_server_is_drained(self, start, engine, job):
        server = start()
        comfy = engine(server)
        comfy._pool.drained = lambda url: url == server.url
        with pytest.raises(TaskCreationError, match="drained"):
            comfy.render(job(comfy), WATCH)
        comfy._pool.drained = none_is_drained
        assert comfy.render(job(comfy, "again"), WATCH).frames == 25


class TestStatusCheck:
    """003016098."""

    def test_the_server_is_started_anew_and_forgets(self, start, engine, job):
        server = start(seconds=5.0)
        server.faults["GET /queue"] = lambda handler: (server.forget() if server.bodies else None, handler.get_queue())
        comfy = engine(server)
        with pytest.raises(StatusCheckError, match="no longer knows the job"):
            comfy.render(job(comfy), WATCH)

    def test_the_server_dies(self, start, engine, job):
        server = start(seconds=5.0)
        server.faults["GET /history"] = lambda handler: server.die()
        comfy = engine(server)
        with pytest.raises(StatusCheckError, match="cannot be reached"):
            comfy.render(job(comfy), WATCH)

    @pytest.mark.parametrize("answer", [b"<html>", [1], {"other": {}}])
    def test_the_answers_make_no_sense(self, start, engine, job, answer):
        server = start(seconds=5.0)
        server.faults["GET /history"] = lambda handler: handler.reply(answer)
        comfy = engine(server)
        with pytest.raises(StatusCheckError):
            comfy.render(job(comfy), WATCH)
        until(lambda: server.interrupted)

    def test_it_only_says_500(self, start, engine, job):
        server = start(seconds=5.0)
        server.faults["GET /history"] = lambda handler: handler.reply(b"", 500)
        comfy = engine(server)
        with pytest.raises(StatusCheckError, match="HTTP 500"):
            comfy.render(job(comfy), WATCH)

    def test_it_hangs(self, start, engine, job):
        server = start(seconds=5.0)
        server.faults["GET /history"] = lambda handler: handler.hang()
        comfy = engine(server)
        with pytest.raises(StatusCheckError, match="does not answer in time"):
            comfy.render(job(comfy), WATCH)

    def test_a_few_failures_are_forgiven(self, start, engine, job):
        server = start(seconds=0.3)
        left = [3]

        def flaky(handler):
            left[0] -= 1
            handler.reply(b"", 502) if left[0] >= 0 else handler.get_history()

        server.faults["GET /history"] = flaky
        comfy = engine(server)
        assert comfy.render(job(comfy), WATCH).frames == 25

    def test_the_deadline(self, start, engine, job):
        server = start(seconds=30.0)
        comfy = engine(server, job_seconds=0.6)
        with pytest.raises(StatusCheckError, match="longer than it may"):
            comfy.render(job(comfy), WATCH)
        assert len(server.interrupted) == 1


class TestRemoteStatus:
    """003016097."""

    @pytest.mark.parametrize("status", [400, 413, 500])
    def test_the_upload_is_refused(self, start, engine, job, status):
        server = start()
        server.faults["POST /upload"] = lambda handler: handler.reply(b"", status)
        comfy = engine(server)
        with pytest.raises(RemoteStatusError, match=f"HTTP {status}"):
            comfy.render(job(comfy), WATCH)

    def test_the_video_is_gone(self, start, engine, job):
        server = start()
        server.faults["GET /view"] = lambda handler: handler.reply(b"", 404)
        comfy = engine(server)
        with pytest.raises(RemoteStatusError, match="HTTP 404"):
            comfy.render(job(comfy), WATCH)


class TestResultParsing:
    """003016096."""

    @pytest.mark.parametrize("listed", [{}, {"images": []}, {"images": [{"filename": "a.png"}]}, {"images": "a.mp4"}])
    def test_no_video_is_listed(self, start, engine, job, listed):
        comfy = engine(start(outputs=lambda _name: listed))
        with pytest.raises(ResultParsingError, match="without a video"):
            comfy.render(job(comfy), WATCH)

    @pytest.mark.parametrize("content", [b"", b"<!doctype html><p>hello", b"\x89PNG\r\n\x1a\n0000"])
    def test_the_file_is_no_video(self, start, engine, job, content):
        comfy = engine(start(make=lambda _graph, _uploads: content))
        with pytest.raises(ResultParsingError, match="instead of a video"):
            comfy.render(job(comfy), WATCH)

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
    def test_the_file_is_cut_short_on_the_server(self, start, engine, job, finished, share):
        comfy = engine(start(make=lambda _graph, _uploads: finished[: int(len(finished) * share)]))
        with pytest.raises(ResultParsingError):
            comfy.render(job(comfy), WATCH)

    def test_the_file_is_cut_short_on_the_way(self, start, engine, job, finished):
        server = start()

        def broken(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(finished)))
            handler.end_headers()
            handler.wfile.write(finished[:1000])
            handler.wfile.flush()
            handler.connection.close()

        server.faults["GET /view"] = broken
        comfy = engine(server)
        with pytest.raises(ResultParsingError, match="broke off"):
            comfy.render(job(comfy), WATCH)
        assert sum(path.startswith("/view") for _, path, _ in server.requests) == 3

    def test_the_file_never_ends(self, start, engine, job, monkeypatch):
        monkeypatch.setattr(finished_video, "MAX_RESULT_BYTES", 3_000_000)
        server = start()

        def endless(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            while True:  # until the other side hangs up
                handler.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")

        server.faults["GET /view"] = endless
        comfy = engine(server)
        with pytest.raises(ResultParsingError, match="more than 3000000 bytes"):
            comfy.render(job(comfy), WATCH)

    def test_the_list_of_outputs_never_ends(self, start, engine, job, monkeypatch):
        monkeypatch.setattr(transport, "MAX_JSON_BYTES", 100_000)
        server = start()
        server.faults["GET /history"] = lambda handler: handler.reply({handler.last: {"outputs": "x" * 200_000}})
        comfy = engine(server)
        with pytest.raises(StatusCheckError, match="more than 100000 bytes"):
            comfy.render(job(comfy), WATCH)

    def test_it_hangs_in_the_middle_of_the_file(self, start, engine, job):
        server = start()

        def stalls(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(bytes(1000))
            handler.wfile.flush()
            handler.hang()

        server.faults["GET /view"] = stalls
        comfy = engine(server)
        with pytest.raises(ResultParsingError, match="does not answer in time"):
            comfy.render(job(comfy), WATCH)

    def test_the_file_is_huge(self, start, engine, job, monkeypatch):
        monkeypatch.setattr(finished_video, "MAX_RESULT_BYTES", 1000)
        comfy = engine(start())
        with pytest.raises(ResultParsingError, match="more than 1000 bytes"):
            comfy.render(job(comfy), WATCH)

    def test_the_video_is_much_too_short(self, start, engine, job):
        video = video_bytes(0.4, sound=0.4)
        comfy = engine(start(make=lambda _graph, _uploads: video))
        with pytest.raises(ResultParsingError, match=r"0\.40 s of pictures for a recording of 1\.00 s"):
            comfy.render(job(comfy), WATCH)

    def test_a_record_that_does_not_say_how_it_ended(self, start, engine, job):
        server = start()
        server.faults["GET /history"] = lambda handler: handler.reply({handler.last: {"outputs": {}, "status": None}})
        comfy = engine(server)
        with pytest.raises(ResultParsingError, match="does not say"):
            comfy.render(job(comfy), WATCH)


class TestGeneration:
    """003016095."""

    def test_a_node_fails(self, start, engine, job):
        error = {
            "node_id": "4",
            "node_type": "RepeatImageBatch",
            "exception_type": "RuntimeError",
            "exception_message": "out of memory while reading /srv/models/secret/wan.safetensors\n",
            "traceback": ['File "/srv/comfy/execution.py", line 1'],
            "current_inputs": {"image": ["tensor([[0.1]])"]},
        }
        comfy = engine(start(error=error))
        with pytest.raises(GenerationError) as caught:
            comfy.render(job(comfy), WATCH)
        assert caught.value.message == "The workflow failed in its node RepeatImageBatch: out of memory while reading …"

    def test_somebody_interrupts_it_there(self, start, engine, job):
        server = start(seconds=5.0)
        server.faults["GET /history"] = lambda handler: (server.interrupt(None), handler.get_history())
        comfy = engine(server)
        with pytest.raises(GenerationError, match="interrupted"):
            comfy.render(job(comfy), WATCH)


class TestCancel:
    @pytest.mark.parametrize("jobs_api", [False, True])
    def test_a_running_job_is_interrupted(self, start, engine, job, jobs_api):
        server = start(seconds=10.0, jobs_api=jobs_api)
        comfy = engine(server)
        with pytest.raises(Canceled):
            comfy.render(job(comfy), Watcher(Canceled(), "rendering"))
        assert server.interrupted == [server.bodies[0]["prompt_id"]]

    def test_a_waiting_job_is_taken_from_the_queue_and_the_running_one_goes_on(self, start, engine, job):
        server = start(seconds=10.0)
        other = server.submit({"prompt": {}, "client_id": "somebody"})["prompt_id"]
        comfy = engine(server)
        with pytest.raises(Canceled):
            comfy.render(job(comfy), Watcher(Canceled(), "rendering"))
        assert server.deleted == [server.bodies[0]["prompt_id"]]
        assert server.interrupted == []
        assert server.running.id == other


def test_a_track_cannot_be_spoken(start, engine, job):
    comfy = engine(start())
    with pytest.raises(InvalidOptions, match="recording"):
        comfy.render(replace(job(comfy), motion=object()), WATCH)
