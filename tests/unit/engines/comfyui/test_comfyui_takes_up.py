"""A job outlives the worker that handed it over: the next attempt takes it up, and none is run again in silence."""

from dataclasses import replace

import pytest
from remote_jobs import Pages

from spark_avatar.engines.comfyui.notes import JobNote, JobNotes
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.errors import Canceled, StatusCheckError

WATCH = SilentMonitor()
NAME = "comfyui.comfyui_example"


@pytest.fixture
def attempt(job):
    """The next attempt at a task."""

    def make(comfy, pages, name="job"):
        return replace(job(comfy, name), notebook=pages)

    return make


class Stop(SilentMonitor):
    """Ends an attempt when the server runs its `number`th job, as when a worker is told to stop."""

    def __init__(self, server, number):
        self.server, self.number = server, number

    def checkpoint(self):
        if len(self.server.bodies) >= self.number and self.server.running:
            raise Canceled


def stopped(comfy, job, server, number=1):
    with pytest.raises(Canceled):
        comfy.render(job, Stop(server, number))


def codes(rendition):
    return [warning.code for warning in rendition.warnings]


def test_the_next_attempt_follows_the_job_that_is_there(start, engine, attempt):
    server, pages = start(seconds=0.5), Pages()
    comfy = engine(server)
    stopped(comfy, attempt(comfy, pages, "first"), server)
    assert server.interrupted == []
    uploads = len(server.uploads)
    rendition = engine(server).render(attempt(comfy, pages, "second"), WATCH)
    assert (len(server.bodies), len(server.uploads)) == (1, uploads)
    assert rendition.job_id == server.bodies[0]["prompt_id"] == pages.pages[NAME]["prompt_id"]
    assert rendition.compute_units == 8  # of the whole job, not of the part that this attempt saw
    assert codes(rendition) == []


def test_a_job_that_has_ended_meanwhile_is_fetched(start, engine, attempt):
    server, pages = start(seconds=0.2), Pages()
    comfy = engine(server)
    stopped(comfy, attempt(comfy, pages, "first"), server)
    while server.running:
        pass
    comfy._pool.drained = lambda _url: True  # what is there already may end there
    assert codes(comfy.render(attempt(comfy, pages, "second"), WATCH)) == []
    assert len(server.bodies) == 1


def test_the_job_is_noted_before_it_is_handed_over(start, engine, attempt):
    server, pages, noted = start(), Pages(), []
    server.faults["POST /prompt"] = lambda handler: (noted.append(dict(pages.pages[NAME])), handler.prompt())
    comfy = engine(server)
    comfy.render(attempt(comfy, pages), WATCH)
    sent = server.bodies[0]
    assert noted == [{"server": server.url, "prompt_id": sent["prompt_id"], "client_id": sent["client_id"], "repeated": ""}]


def test_nothing_is_handed_over_for_a_task_that_is_another_workers_now(start, engine, attempt):
    class Lost(Pages):
        def write(self, engine, note):
            raise Canceled

    server = start()
    comfy = engine(server)
    with pytest.raises(Canceled):
        comfy.render(attempt(comfy, Lost()), WATCH)
    assert server.bodies == []


def test_an_older_server_that_chooses_its_ids_is_asked_by_client(start, engine, attempt):
    server, pages = start(seconds=0.3), Pages()
    comfy = engine(server)
    note = JobNote.new(server.url, repeated=False)
    JobNotes(pages, NAME).write(note)  # the worker died while it handed the job over
    given = server.submit({"prompt": {"6": {"inputs": {"filename_prefix": "x"}}}, "client_id": note.client_id})["prompt_id"]
    assert given != note.prompt_id
    assert comfy.render(attempt(comfy, pages), WATCH).job_id == given
    assert pages.pages[NAME]["prompt_id"] == given


def test_a_job_that_its_server_has_forgotten_is_run_again_and_the_result_says_so(start, engine, attempt):
    server, pages = start(seconds=20.0), Pages()
    comfy = engine(server)
    stopped(comfy, attempt(comfy, pages, "first"), server)
    server.forget()
    server.seconds = 0.0
    rendition = comfy.render(attempt(comfy, pages, "second"), WATCH)
    assert codes(rendition) == ["remote_job_repeated"]
    assert len(server.bodies) == 2
    assert rendition.job_id == server.bodies[1]["prompt_id"]


def test_a_job_whose_server_is_not_in_use_any_more_is_run_again_on_another(start, engine, attempt):
    former, well, pages = start(seconds=20.0), start(), Pages()
    stopped(engine(former), attempt(engine(former), pages, "first"), former)
    comfy = engine(well)
    assert codes(comfy.render(attempt(comfy, pages, "second"), WATCH)) == ["remote_job_repeated"]


def test_the_word_that_a_job_was_repeated_outlives_the_worker_too(start, engine, attempt):
    server, pages = start(seconds=20.0), Pages()
    comfy = engine(server)
    stopped(comfy, attempt(comfy, pages, "first"), server)
    server.forget()
    server.seconds = 1.0
    stopped(comfy, attempt(comfy, pages, "second"), server, number=2)
    assert codes(comfy.render(attempt(comfy, pages, "third"), WATCH)) == ["remote_job_repeated"]
    assert len(server.bodies) == 2
    server.forget()
    with pytest.raises(StatusCheckError, match="no longer knows"):
        comfy.render(attempt(comfy, pages, "fourth"), WATCH)  # twice lost: not a third time
    assert len(server.bodies) == 2


@pytest.mark.parametrize("follows", [False, True])
def test_a_job_is_cancelled_on_its_server_unless_another_attempt_follows(start, engine, attempt, follows):
    server = start(seconds=20.0)
    comfy = engine(server)
    stopped(comfy, attempt(comfy, Pages(follows=follows)), server)
    assert server.interrupted == ([] if follows else [server.bodies[0]["prompt_id"]])
