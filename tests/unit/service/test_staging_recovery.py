"""Inputs of requests whose server died before it had stored their task."""

import pytest
from service_house import CALLER, House, request

from spark_avatar.errors import TaskCreationError
from spark_avatar.service.staging import GRACE_SECONDS, StagingRecovery
from spark_avatar.storage.keys import input_key

HOUR = 3600


class Watched:
    """A server's recovery with a clock that is set by hand."""

    def __init__(self, house):
        self.seconds = 0.0
        self.recovery = StagingRecovery(house.staged, house.storage, monotonic=lambda: self.seconds)

    def after(self, seconds):
        self.seconds += seconds
        self.recovery.step()


@pytest.fixture
def server(house: House):
    return Watched(house)


@pytest.fixture
def cut_short(house: House, image_url, audio_url, monkeypatch):
    """A task whose server was killed between its inputs and its record."""
    made = []

    def die(task, **_):
        made.append(task)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(house.store, "add", die)
        patch.setattr(house.inputs.__class__, "drop", lambda *_: None)
        with pytest.raises(Killed):
            house.submit(image_url=image_url, audio_url=audio_url)
    assert len(files(house)) == 2
    return made[0]


class Killed(BaseException):
    """Not an exception that anything handles."""


def files(house):
    return [stored.key for stored in house.storage.list("inputs")]


def test_they_are_removed_after_a_minute(house, server, cut_short):
    server.after(0)
    server.after(GRACE_SECONDS - 1)
    assert len(files(house)) == 2
    server.after(1)
    assert files(house) == []


def test_a_server_that_only_slept_is_refused_and_removes_what_it_stores(house, server, cut_short):
    server.after(0)
    server.after(GRACE_SECONDS)
    with pytest.raises(TaskCreationError):
        house.store.add(cut_short)
    late = input_key(CALLER.account_id, cut_short.id, "audio")
    house.storage.put(late, b"late")
    server.after(HOUR)
    assert files(house) == []
    assert house.staged.all() == []


def test_a_second_server_clears_what_the_first_gave_up_and_could_not_remove(house, server, cut_short):
    assert house.staged.abandon(cut_short.id)  # and was killed then
    server.after(0)
    assert files(house) == []


def test_a_request_that_is_quick_enough_is_left_alone(house, server, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    assert house.staged.all() == []
    server.after(0)
    server.after(2 * HOUR)
    assert len(files(house)) == 2
    assert house.task(task).id == task.id


def test_a_request_without_inputs_of_its_own_is_not_noted(house):
    house.submit()
    assert house.staged.all() == []


def test_a_refused_request_leaves_nothing(house, image_url, audio_url):
    inputs = {"image_url": image_url, "audio_url": audio_url}
    house.generation.submit(request(**inputs), caller=CALLER, idempotency_key="once")
    stored = files(house)
    again = house.generation.submit(request(**inputs), caller=CALLER, idempotency_key="once")
    assert house.task(again).id == again.id
    assert files(house) == stored
    assert house.staged.all() == []
