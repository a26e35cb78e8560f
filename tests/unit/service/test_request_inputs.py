import base64

import pytest
from service_house import CALLER, House, request

from spark_avatar.errors import (
    AudioTooLong,
    AudioUrlInvalid,
    ImageTooManyBytes,
    ImageUnreadable,
    ImageUrlInvalid,
    QueueFull,
    TaskCreationError,
)
from spark_avatar.storage.keys import input_key
from spark_avatar.tasks.task import TaskStatus


def inputs(house: House) -> list[str]:
    return [stored.key for stored in house.storage.list("inputs")]


def test_an_input_in_the_request_is_stored_and_the_record_stays_short(house: House, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    key = input_key(CALLER.account_id, task.id, "image")
    stored = house.task(task)
    assert (stored.request.image_url, len(stored.request.audio_url) < 100) == (f"stored:{key}", True)
    content = base64.b64decode(image_url.partition(",")[2])
    assert b"".join(house.storage.read(key, 0, 10**6)) == content
    assert len(inputs(house)) == 2


def test_the_worker_reads_it_back(house: House, image_url, audio_url):
    task = house.submit(image_url=image_url, audio_url=audio_url)
    runner = house.runner()
    runner.run(runner.claim())
    assert house.task(task).status is TaskStatus.COMPLETED
    assert house.engine.jobs[0].portrait.facts.format == "png"


def test_inputs_from_elsewhere_are_not_kept(house: House):
    assert house.task(house.submit()).request.image_url == "https://example.org/face.jpg"
    assert inputs(house) == []


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"image_url": "data:image/png;base64," + "A" * 200_000}, ImageTooManyBytes),
        ({"audio_url": "data:audio/wav;base64," + "A" * 700_000}, AudioTooLong),
        ({"image_url": "data:,"}, ImageUnreadable),
        ({"image_url": "data:image/png;base64"}, ImageUrlInvalid),
        ({"image_url": "data:,fine", "audio_url": "data:;base64,?*?"}, AudioUrlInvalid),
    ],
)
def test_one_that_cannot_be_used_is_refused_and_nothing_is_stored(params, error, house: House):
    with pytest.raises(error):
        house.submit(**params)
    assert inputs(house) == []
    assert house.generation.recent(caller=CALLER) == []


def test_a_full_queue_stores_no_input(tmp_path, image_url):
    house = House(tmp_path, max_queued=1)
    house.submit()
    with pytest.raises(QueueFull):
        house.submit(image_url=image_url)
    assert inputs(house) == []
    house.database.dispose()


def test_a_task_that_cannot_be_stored_leaves_no_input(house: House, image_url, monkeypatch):
    def fail(_task):
        raise OSError

    monkeypatch.setattr(house.store, "add", fail)
    with pytest.raises(TaskCreationError):
        house.submit(image_url=image_url)
    assert inputs(house) == []


@pytest.mark.parametrize("key", [None, "once"])
def test_a_task_that_was_stored_unheard_keeps_its_inputs(house: House, image_url, audio_url, monkeypatch, key):
    """The connection to the database broke between its commit and its answer."""
    add = "add" if key is None else "add_once"
    store = getattr(house.store, add)

    def lose_the_answer(*words, **facts):
        store(*words, **facts)
        raise ConnectionError

    monkeypatch.setattr(house.store, add, lose_the_answer)
    with pytest.raises(TaskCreationError):
        house.generation.submit(request(image_url=image_url, audio_url=audio_url), caller=CALLER, idempotency_key=key)
    runner = house.runner()
    runner.run(runner.claim())
    (task,) = house.generation.recent(caller=CALLER)
    assert task.status is TaskStatus.COMPLETED, task.failure


def test_nobody_can_name_a_stored_input_in_a_request(house: House, image_url):
    task = house.submit(image_url=image_url)
    reference = house.task(task).request.image_url
    with pytest.raises(ImageUrlInvalid):
        house.submit(image_url=reference)
    with pytest.raises(ImageUrlInvalid):
        house.generation.quote(request(image_url=reference))
