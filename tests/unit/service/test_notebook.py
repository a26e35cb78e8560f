"""The notes of a claimed task, and which ends of an attempt leave its job elsewhere to the next one."""

import pytest
from service_house import CALLER, House

from spark_avatar.engines.notebook import NoNotebook
from spark_avatar.errors import GenerationError, TimedOut
from spark_avatar.service.monitor import ClaimLost, HandedBack
from spark_avatar.service.notebook import TaskNotebook
from spark_avatar.tasks.store import StoreAway
from spark_avatar.tasks.task import TaskStatus


@pytest.fixture
def claimed(house: House, image_url, audio_url):
    house.submit(image_url=image_url, audio_url=audio_url)
    return house.runner().claim()


def test_the_engine_finds_what_the_attempt_before_it_noted(house: House, claimed, monkeypatch):
    found, render = [], house.engine.render

    def noting(job, monitor):
        found.append(dict(job.notebook.read("plain")))
        job.notebook.write("plain", {"attempt": str(len(found))})
        house.must_stop = len(found) == 1
        monitor.checkpoint()
        return render(job, monitor)

    monkeypatch.setattr(house.engine, "render", noting)
    house.runner().run(claimed)
    house.must_stop = False
    house.runner().run(house.runner().claim())
    assert found == [{}, {"attempt": "1"}]
    assert house.task(claimed).status is TaskStatus.COMPLETED


def test_a_void_claim_notes_nothing(house: House, claimed):
    notebook = TaskNotebook(house.store, claimed, claimed.claim)
    house.store.hand_back(claimed.id, claimed.claim, count_attempt=True)
    with pytest.raises(ClaimLost):
        notebook.write("plain", {"a": "b"})
    assert notebook.read("plain") == {}


def test_only_an_attempt_that_is_followed_by_another_leaves_its_job(house: House, claimed):
    notebook = TaskNotebook(house.store, claimed, claimed.claim)
    assert notebook.continues(HandedBack())
    assert notebook.continues(StoreAway())
    assert not notebook.continues(TimedOut())
    assert not notebook.continues(GenerationError())
    assert not notebook.continues(RuntimeError())
    assert notebook.continues(ClaimLost())  # another worker has it, or will
    house.tasks.cancel(claimed.id, caller=CALLER)
    assert not notebook.continues(ClaimLost())
    house.store.remove(claimed.id)
    assert not notebook.continues(ClaimLost())
    house.database.dispose()
    house.store.get = None  # as if the database were gone
    assert notebook.continues(ClaimLost())


def test_a_render_without_a_task_notes_nothing():
    pages = NoNotebook()
    pages.write("plain", {"a": "b"})
    assert pages.read("plain") == {}
    assert not pages.continues(HandedBack())
