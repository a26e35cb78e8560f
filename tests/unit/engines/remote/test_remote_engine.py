"""Another server of our contract as an engine: what is sent, how it is followed, and what every fault becomes."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest
from contract_server import contract_server
from remote_jobs import Pages, Watcher, remote_job, video_bytes

from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.engines.portrait.options import Options as PortraitOptions
from spark_avatar.engines.reach import nowhere_else
from spark_avatar.engines.remote.client import Polling, backoff, error_of
from spark_avatar.engines.remote.configuration import RemoteConfiguration
from spark_avatar.engines.remote.engine import RemoteEngine
from spark_avatar.engines.remote.options import Options
from spark_avatar.engines.transport import Reply
from spark_avatar.errors import (
    Canceled,
    FaceNotFound,
    GenerationError,
    RemoteStatusError,
    ResultParsingError,
    SparkAvatarError,
    StatusCheckError,
    TaskCreationError,
)
from spark_avatar.service.addresses import AllowList, PublicReach

WATCH = SilentMonitor()


@pytest.fixture(scope="module")
def finished():
    return video_bytes()


@pytest.fixture
def far(finished):
    with contract_server(finished) as server:
        yield server


@pytest.fixture
def render(far, tmp_path):
    def run(monitor=WATCH, *, options=None, pages=None, name="job", **config):
        settings = {"poll_seconds": 0.02, "job_seconds": 20.0, **config}
        engine = RemoteEngine(RemoteConfiguration(far.url, "sk-far", "their_model", **settings))
        job = remote_job(tmp_path / name, options or Options())
        return engine.render(job if pages is None else replace(job, notebook=pages), monitor)

    return run


def test_a_job_goes_there_and_comes_back(far, render):
    watcher = Watcher()
    rendition = render(watcher, options=Options(resolution="360p"))
    assert (rendition.frames, rendition.job_id, rendition.compute_units, rendition.engine) == (25, "far-1", 31, "remote")
    params = far.bodies[0]["input"][0]["params"]
    assert far.bodies[0]["model"] == "their_model"
    assert params["image_url"] == "https://store.example/1"
    assert params["audio_url"] == "https://store.example/2"
    assert (params["seed"], params["resolution"]) == (5, "360p")
    assert "fps" not in params  # not given: the other server's own default holds
    remote = rendition.diagnostics["remote"]
    assert remote["usage"]["cost"] == "0.0420"
    assert rendition.diagnostics["face"] == {"faces": 1}
    fractions = [fraction for fraction, _ in watcher.stages]
    assert fractions == sorted(fractions)
    assert any(0.3 < fraction < 0.5 for fraction in fractions)  # 0.4 of the far task
    assert all(headers["Authorization"] == "Bearer sk-far" for _, _, headers in far.requests)
    assert any("Idempotency-Key" in headers for verb, path, headers in far.requests if path.endswith("generation"))


def test_every_parameter_of_our_own_servers_can_be_passed_on_but_for_the_file():
    assert set(PortraitOptions.model_fields) - set(Options.model_fields) == {"format"}
    assert set(Options.model_fields) <= set(PortraitOptions.model_fields)


def test_the_key_goes_to_no_other_host(far, render, finished):
    with contract_server(finished) as store:
        content = {"type": "video", "url": f"{store.url}/video"}
        far.polls = [{"status": "completed", "output": [{"content": [content]}]}]
        render()
        assert [headers.get("Authorization") for _, _, headers in store.requests] == [None]


def completed_at(url):
    return [{"status": "completed", "output": [{"content": [{"type": "video", "url": url}]}]}]


@pytest.mark.parametrize("reach", [nowhere_else, PublicReach(AllowList())])
def test_a_server_that_was_taken_over_leads_nowhere_inside(far, render, finished, reach):
    with contract_server(finished) as inner:
        far.polls = completed_at(inner.url.replace("127.0.0.1", "localhost") + "/video")
        with pytest.raises(ResultParsingError, match="not public"):
            render(reach=reach)
        assert inner.requests == []


def test_nor_does_its_redirect(far, render, finished):
    with contract_server(finished) as inner:
        target = inner.url.replace("127.0.0.1", "localhost") + "/video"
        far.polls = completed_at(f"{far.url}/video")
        far.faults["GET video"] = lambda handler: handler.reply(b"", 302, Location=target)
        with pytest.raises(ResultParsingError, match="not public"):
            render(reach=PublicReach(AllowList()))
        assert inner.requests == []


def test_a_path_that_would_be_another_host_leads_nowhere_either(far, render, finished):
    with contract_server(finished) as inner:
        far.polls = completed_at("@localhost:" + inner.url.rpartition(":")[2] + "/video")
        with pytest.raises(ResultParsingError, match="not public"):
            render()
        assert inner.requests == []


def test_a_host_that_the_operator_allows_is_asked_by_its_name_at_the_address_that_was_checked(far, render, finished):
    asked = []

    def reach(host, port):
        asked.append((host, port))
        return ["127.0.0.1"]

    with contract_server(finished) as store:
        port = int(store.url.rpartition(":")[2])
        far.polls = completed_at(f"http://files.example:{port}/video")
        assert render(reach=reach).frames == 25
        assert asked == [("files.example", port)]
        assert [(headers["Host"], headers.get("Authorization")) for _, _, headers in store.requests] == [
            (f"files.example:{port}", None)
        ]
        far.polls = completed_at(f"http://localhost:{port}/video")
        assert render(name="again", reach=PublicReach(AllowList.parse(["localhost"]))).frames == 25


def test_a_place_that_is_no_address_is_no_result(far, render):
    far.polls = completed_at("http://files.example:port/video")
    with pytest.raises(ResultParsingError, match="no address"):
        render()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("003016014", FaceNotFound),
        ("003016096", ResultParsingError),
        ("003016095", GenerationError),
        ("003016777", GenerationError),
    ],
)
def test_a_failed_task_keeps_its_code(far, render, code, kind):
    far.polls = [{"status": "failed", "error": {"code": code, "error_message": "Because.", "message": "Because."}}]
    with pytest.raises(kind, match=r"Because\.") as caught:
        render()
    assert caught.value.code == code
    assert far.asked("DELETE") == []  # it has ended: there is nothing to cancel


def test_a_code_outside_the_contract_becomes_a_generation_error():
    assert error_of("Boom", "x").code == "003016095"


def test_a_refused_creation_keeps_the_contracts_code(far, render):
    body = {"message": "Too wide.", "error": {"code": "003016012", "message": "Too wide."}}
    far.faults["POST generation"] = lambda handler: handler.reply(body, 400)
    with pytest.raises(SparkAvatarError, match="Too wide") as caught:
        render()
    assert caught.value.code == "003016012"


@pytest.mark.parametrize(("status", "text"), [(401, "HTTP 401"), (402, "HTTP 402"), (404, "HTTP 404"), (500, "HTTP 500")])
def test_any_other_refusal_is_a_task_that_could_not_be_created(far, render, status, text):
    far.faults["POST generation"] = lambda handler: handler.reply({"message": "No.", "error": {"code": "word"}}, status)
    with pytest.raises(TaskCreationError, match=text):
        render()
    assert len(far.bodies) == 1


def test_retry_after_is_honoured_and_the_task_made_once(far, render):
    times = []

    def busy(handler):
        times.append(time.monotonic())
        if len(times) < 3:
            handler.reply({}, 429, Retry_After="0.3")
        else:
            handler.reply({"id": "far-1"})

    far.faults["POST generation"] = busy
    render()
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(times))
    keys = {headers.get("Idempotency-Key") for _, path, headers in far.requests if path.endswith("generation")}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("-1", 0), ("Thu, 01 Jan 2015 00:00:00 GMT", 0), ("soon", None), ("", None), ("nan", None), ("inf", None)],
)
def test_what_retry_after_says(said, seconds):
    assert Reply(503, httpx.Headers({"Retry-After": said}), b"").retry_after() == seconds


def test_retry_after_may_be_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < Reply(503, httpx.Headers({"Retry-After": date}), b"").retry_after() <= 30


def test_a_creation_whose_answer_is_lost_is_not_sent_twice(far, render):
    far.faults["POST generation"] = lambda handler: handler.connection.close()
    with pytest.raises(TaskCreationError):
        render()
    assert len(far.bodies) == 1


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setattr("spark_avatar.engines.remote.client.backoff", lambda *_: 0.01)
    engine = RemoteEngine(RemoteConfiguration("http://127.0.0.1:9", "k", "m"))
    with pytest.raises(TaskCreationError, match="cannot be reached"):
        engine.render(remote_job(tmp_path, Options()), WATCH)


def test_an_upload_is_refused(far, render):
    far.faults["POST files"] = lambda handler: handler.reply({"message": "Too large."}, 413)
    with pytest.raises(RemoteStatusError, match="HTTP 413: Too large"):
        render()


@pytest.mark.parametrize("answer", [lambda h: h.reply(b"<html>"), lambda h: h.reply({"status": "?"}), lambda h: h.reply({}, 500)])
def test_the_status_cannot_be_learnt(far, render, answer):
    far.faults["GET task"] = answer
    with pytest.raises(StatusCheckError):
        render()
    assert far.asked("DELETE") == ["/model/v1/generation/task/far-1"]


def test_the_task_is_forgotten(far, render):
    far.faults["GET task"] = lambda handler: handler.reply({"message": "No such task."}, 404)
    with pytest.raises(StatusCheckError, match="No such task"):
        render()


def test_the_deadline(far, render):
    far.polls = [{"status": "in_progress", "progress": 0.1}]
    with pytest.raises(StatusCheckError, match="longer than it may"):
        render(job_seconds=0.3)
    assert len(far.asked("DELETE")) == 1


def test_a_few_failures_are_forgiven(far, render):
    left = [4]

    def flaky(handler):
        left[0] -= 1
        handler.reply({}, 503, Retry_After="0") if left[0] >= 0 else handler.reply(handler.far.task())

    far.faults["GET task"] = flaky
    assert render().frames == 25


@pytest.mark.parametrize("progress", [float("nan"), 10**400, -1, "half", None])
def test_odd_progress_changes_nothing(far, render, progress):
    far.polls = [{"status": "in_progress", "progress": progress}, {"status": "completed"}]
    watcher = Watcher()
    assert render(watcher).frames == 25
    assert all(0 <= fraction <= 1 for fraction, _ in watcher.stages)


@pytest.mark.parametrize("output", [[], None, [{"content": []}], [{"content": [{"type": "image", "url": "x"}]}]])
def test_completed_without_a_video(far, render, output):
    far.polls = [{"status": "completed", "output": output}]
    with pytest.raises(ResultParsingError, match="without a video"):
        render()


def test_the_video_is_gone(far, render):
    far.faults["GET video"] = lambda handler: handler.reply(b"", 403)
    with pytest.raises(RemoteStatusError, match="HTTP 403"):
        render()


def test_the_video_is_none(far, render):
    far.video = b"<!doctype html><p>Please log in."
    with pytest.raises(ResultParsingError, match="HTML page instead of a video"):
        render()


@pytest.mark.parametrize("older", [False, True])
def test_cancelling_reaches_the_other_server(far, render, older):
    far.polls = [{"status": "in_progress", "progress": 0.1}]
    if older:
        far.faults["DELETE task"] = lambda handler: handler.reply({}, 405)
    with pytest.raises(Canceled):
        render(Watcher(Canceled(), "rendering"))
    assert far.asked("DELETE") == ["/model/v1/generation/task/far-1"]
    assert far.asked("PUT") == (["/model/v1/queue/their_model/requests/far-1/cancel"] if older else [])


def test_looks_become_rarer_and_never_all_at_once():
    pauses = [Polling(0.5, 5.0).succeeded() for _ in range(20)]
    assert len(set(pauses)) > 10
    polling = Polling(0.5, 5.0)
    late = [polling.succeeded() for _ in range(30)][-1]
    assert 5 * 0.75 <= late <= 5 * 1.25
    assert all(7 <= backoff(0, 7.0) <= 7 * 1.25 for _ in range(20))
    assert backoff(0, 7.0) != backoff(0, 7.0)
    assert backoff(50, None) <= 75


class TestTakesUp:
    """What an earlier attempt began."""

    @pytest.fixture
    def begun(self, far, render):
        """Made there, then the worker was told to stop."""
        pages, far.polls = Pages(), [{"status": "in_progress", "progress": 0.1}, {"status": "in_progress", "progress": 0.1}]
        with pytest.raises(Canceled):
            render(Watcher(Canceled(), "rendering"), pages=pages, name="first")
        assert far.asked("DELETE") == []
        far.polls = [{"status": "completed"}]
        return pages

    def test_a_task_that_is_there_is_followed(self, far, render, begun):
        uploads = sum(path.endswith("files") for path in far.asked("POST"))
        rendition = render(pages=begun, name="second")
        assert (rendition.job_id, len(far.bodies), rendition.warnings) == ("far-1", 1, ())
        assert sum(path.endswith("files") for path in far.asked("POST")) == uploads

    def test_a_task_that_is_forgotten_is_made_again_with_a_word(self, far, render, begun):
        first = [True]

        def forgotten(handler):
            handler.reply({"message": "No such task."}, 404) if first.pop() else handler.reply(handler.far.task())
            first.append(False)

        far.faults["GET task"] = forgotten
        rendition = render(pages=begun, name="second")
        assert [warning.code for warning in rendition.warnings] == ["remote_job_repeated"]
        assert len(far.bodies) == 2
        far.faults["GET task"] = lambda handler: handler.reply({"message": "No such task."}, 404)
        with pytest.raises(StatusCheckError, match="No such task"):
            render(pages=begun, name="third")  # once is enough
        assert len(far.bodies) == 2

    def test_a_task_of_another_server_is_made_here_with_a_word(self, far, render, begun):
        begun.pages["remote"]["server"] = "https://former.example"
        assert [warning.code for warning in render(pages=begun, name="second").warnings] == ["remote_job_repeated"]

    def test_the_hand_over_is_repeated_word_for_word_where_nobody_knows_whether_it_was_heard(self, far, render, begun):
        noted_before, noted_after = begun.history[:2]
        assert "task" not in noted_before
        assert noted_after == {**noted_before, "task": "far-1"}
        begun.pages["remote"] = noted_before  # as of a worker that died while it waited for the answer
        rendition = render(pages=begun, name="second")
        assert [warning.code for warning in rendition.warnings] == ["remote_job_repeated"]
        assert far.bodies[0] == far.bodies[1]
        keys = [headers["Idempotency-Key"] for _, path, headers in far.requests if path.endswith("generation")]
        assert keys[0] == keys[1]
