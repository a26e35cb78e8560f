"""A process beside the server: warm between calls, gone when idle, and no harm when it dies."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from spark_avatar.errors import FaceNotFound, QueueFull
from spark_avatar.service.helper_process import HelperProcess


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    process = HelperProcess()
    yield process
    process.stop()


def refuse() -> None:
    raise FaceNotFound("No face.", facts={"faces": 0})


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_the_end(number: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(number, 0)
            time.sleep(0.02)
            continue
        return
    raise AssertionError("the process is still there")


def test_it_stays_for_the_next_call(helper: HelperProcess) -> None:
    assert not helper.running
    first = helper.call(os.getpid)
    assert first != os.getpid()
    assert helper.call(os.getpid) == first
    assert helper.call(max, 1, 2) == 2


def test_an_error_comes_back_whole(helper: HelperProcess) -> None:
    with pytest.raises(FaceNotFound, match="No face") as caught:
        helper.call(refuse)
    assert caught.value.facts == {"faces": 0}


def test_a_call_that_kills_it_fails_and_the_next_one_works(helper: HelperProcess) -> None:
    with pytest.raises(QueueFull, match="another file"):
        helper.call(die)
    assert helper.call(max, 1, 2) == 2


def test_a_call_that_takes_too_long_is_ended() -> None:
    helper = HelperProcess(call_seconds=5)
    number = helper.call(os.getpid)
    helper._call_seconds = 0.05
    with pytest.raises(QueueFull):
        helper.call(time.sleep, 60)
    wait_for_the_end(number)
    assert not helper.running


def test_stopping_does_not_wait_for_a_call(helper: HelperProcess) -> None:
    number = helper.call(os.getpid)
    refusals: list[QueueFull] = []

    def sleep() -> None:
        with pytest.raises(QueueFull) as caught:
            helper.call(time.sleep, 60)
        refusals.append(caught.value)

    busy = threading.Thread(target=sleep)
    busy.start()
    while helper._turn.acquire(blocking=False):  # until the thread has its turn
        helper._turn.release()
    helper.stop()
    busy.join(20)
    assert refusals
    wait_for_the_end(number)


def test_it_ends_when_nobody_calls() -> None:
    helper = HelperProcess(idle_seconds=0.05)
    wait_for_the_end(helper.call(os.getpid))
    assert helper.call(max, 1, 2) == 2
    helper.stop()


def test_a_crowd_is_refused() -> None:
    helper = HelperProcess(most_waiting=1)
    helper.call(max, 1, 2)
    busy = threading.Thread(target=lambda: helper.call(time.sleep, 0.5))
    busy.start()
    while helper._places.acquire(blocking=False):  # until the thread has its place
        helper._places.release()
    with pytest.raises(QueueFull, match="Too many"):
        helper.call(max, 1, 2)
    busy.join()
    helper.stop()
