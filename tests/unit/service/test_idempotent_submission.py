import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_house import CALLER, STRANGER, House, request

from spark_avatar.errors import IdempotencyConflict
from spark_avatar.tasks.task import Task


def submit(house: House, key: str = "word", *, caller=CALLER, **params: object) -> Task:
    return house.generation.submit(request(**params), caller=caller, idempotency_key=key)


def test_a_repeated_request_gets_the_same_task_and_wakes_nobody(house: House):
    first = submit(house, loudness=0.5)
    assert submit(house, loudness=0.5) == first
    assert house.dispatcher.woken == 1
    assert submit(house, "another", loudness=0.5).id != first.id


def test_a_repeated_request_is_answered_although_the_queue_is_full(tmp_path):
    house = House(tmp_path, max_queued=1)
    first = submit(house)
    assert submit(house).id == first.id
    house.database.dispose()


def test_another_request_with_the_same_key_is_a_conflict(house: House):
    submit(house)
    with pytest.raises(IdempotencyConflict):
        submit(house, loudness=0.5)
    assert submit(house, caller=STRANGER, loudness=0.5)


def test_a_key_lasts_a_day(house: House):
    first = submit(house)
    house.clock.forward(24 * 3600 - 1)
    assert submit(house).id == first.id
    house.clock.forward(2)
    assert submit(house).id != first.id


def test_threads_with_one_key_make_one_task_and_keep_one_input(tmp_path, image_url):
    house = House(tmp_path, max_queued=100)
    start = threading.Barrier(8)

    def go(_number: int) -> str:
        start.wait()
        return submit(house, image_url=image_url).id

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(go, range(8)))
    assert len(ids) == 1
    assert [task.id for task in house.generation.recent(caller=CALLER)] == list(ids)
    assert len(house.storage.list("inputs")) == 1
    house.database.dispose()
