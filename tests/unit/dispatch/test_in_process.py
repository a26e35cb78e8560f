"""Real processes: what becomes of tasks and workers when either misbehaves."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from dispatch_workers import broken_worker, folder_worker, stubborn_worker

from spark_avatar.dispatch.in_process import InProcessDispatcher, WorkerEnd

PATIENCE = 60.0


def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def alive(process: psutil.Process) -> bool:
    """A dead orphan stays in the list until the system's first process has looked."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Yard:
    """A folder of tasks and a dispatcher that works on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("queue", "running", "done"):
            (folder / name).mkdir()
        self.ends: list[tuple[str, WorkerEnd]] = []
        self.dispatchers: list[InProcessDispatcher] = []

    def open(self, target=folder_worker, *, workers: int = 1, **options: object) -> InProcessDispatcher:
        dispatcher = InProcessDispatcher(
            target, (self.folder,), workers=workers, prefix="s", on_end=lambda name, end: self.ends.append((name, end)), **options
        )
        self.dispatchers.append(dispatcher)
        dispatcher.start()
        return dispatcher

    def queue(self, name: str, order: str) -> None:
        (self.folder / f".{name}").write_text(order)
        (self.folder / f".{name}").rename(self.folder / "queue" / name)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.folder / folder).iterdir())

    def pids(self) -> list[int]:
        started = self.folder / "started"
        return [int(path.name.partition(".")[2]) for path in started.iterdir()] if started.exists() else []


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    for dispatcher in yard.dispatchers:
        dispatcher.stop(grace_seconds=0)
    assert not [pid for pid in yard.pids() if psutil.pid_exists(pid)]


def test_a_wake_up_reaches_an_idle_worker_at_once(yard: Yard):
    dispatcher = yard.open()
    eventually(dispatcher.ready)
    time.sleep(0.2)  # the worker waits now; it would look again after a minute
    yard.queue("a", "0")
    started = time.monotonic()
    dispatcher.wake("plain")
    eventually(lambda: yard.names("done") == ["a"])
    assert time.monotonic() - started < 1


def test_start_and_wake_do_not_wait(yard: Yard):
    started = time.monotonic()
    dispatcher = yard.open()
    for _ in range(10_000):
        dispatcher.wake("plain")
    assert time.monotonic() - started < 0.5
    assert not dispatcher.ready()
    eventually(dispatcher.ready)


def test_several_workers_share_the_tasks(yard: Yard):
    for number in range(6):
        yard.queue(str(number), "0.15")
    yard.open(workers=2)
    eventually(lambda: len(yard.names("done")) == 6)
    assert len({(yard.folder / "done" / name).read_text() for name in yard.names("done")}) == 2


def test_a_dead_worker_is_reported_and_replaced_under_a_new_name(yard: Yard):
    yard.queue("a", "die")
    yard.queue("b", "0")
    yard.open()
    eventually(lambda: yard.names("done") == ["b"])
    assert yard.ends == [("s/1", WorkerEnd.CRASHED)]
    assert (yard.folder / "done" / "b").read_text().startswith("s/2 ")


def test_a_process_that_leaves_in_the_middle_of_a_task_has_crashed(yard: Yard):
    yard.queue("a", "leave")
    yard.open()
    eventually(lambda: yard.ends == [("s/1", WorkerEnd.CRASHED)])


def test_a_task_that_raises_does_not_end_the_worker(yard: Yard):
    yard.queue("a", "fail")
    yard.queue("b", "0")
    yard.open()
    eventually(lambda: yard.names("done") == ["b"])
    assert yard.ends == []


def test_workers_that_die_at_birth_are_started_ever_more_rarely(yard: Yard):
    dispatcher = yard.open(broken_worker)
    births = yard.folder / "births"
    eventually(lambda: births.exists() and len(births.read_text().split()) >= 4)
    times = [float(line) for line in births.read_text().split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[1] >= 0.25
    assert gaps[2] >= 0.5
    assert not dispatcher.ready()


def test_a_worker_that_is_busy_for_too_long_is_killed(yard: Yard):
    yard.open(stubborn_worker, hard_seconds=0.3)
    eventually(lambda: yard.ends)
    assert yard.ends[0] == ("s/1", WorkerEnd.OVERDUE)


def test_a_stopping_server_lets_a_task_finish(yard: Yard):
    yard.queue("a", "0.4")
    yard.queue("b", "0")
    dispatcher = yard.open()
    eventually(lambda: yard.names("running") == ["a"])
    dispatcher.stop(grace_seconds=10)
    assert yard.names("done") == ["a"]
    assert yard.names("queue") == ["b"]
    assert yard.ends == [("s/1", WorkerEnd.STOPPED)]
    assert not dispatcher.ready()


def test_after_the_grace_the_task_is_handed_back(yard: Yard):
    yard.queue("a", "60")
    dispatcher = yard.open()
    eventually(lambda: yard.names("running") == ["a"])
    started = time.monotonic()
    dispatcher.stop(grace_seconds=0.2)
    assert 0.2 < time.monotonic() - started < 3
    assert yard.names("queue") == ["a"]


def test_a_worker_that_does_not_listen_is_killed_in_the_end(yard: Yard, monkeypatch):
    monkeypatch.setattr("spark_avatar.dispatch.in_process._ABORT_SECONDS", 0.3)
    dispatcher = yard.open(stubborn_worker)
    eventually(dispatcher.ready)
    dispatcher.stop(grace_seconds=0)
    assert yard.ends == [("s/1", WorkerEnd.STOPPED)]


def test_a_failing_report_is_repeated_before_the_worker_is_replaced(tmp_path: Path):
    yard = Yard(tmp_path)
    calls = []

    def on_end(name: str, end: WorkerEnd) -> None:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise OSError("no database")
        yard.ends.append((name, end))

    yard.queue("a", "die")
    dispatcher = InProcessDispatcher(folder_worker, (tmp_path,), workers=1, prefix="s", on_end=on_end)
    dispatcher.start()
    eventually(lambda: len(yard.pids()) == 2)
    assert len(calls) == 3
    dispatcher.stop(grace_seconds=0)


def test_sigterm_to_a_worker_drains_it_and_ctrl_c_does_nothing(yard: Yard):
    yard.queue("a", "0.6")
    yard.open()
    eventually(lambda: yard.names("running") == ["a"])
    (pid,) = yard.pids()
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: yard.ends)
    assert yard.ends == [("s/1", WorkerEnd.STOPPED)]
    assert (yard.folder / "done" / "a").read_text() == f"s/1 {pid}"


def test_a_stop_before_the_start_is_harmless(yard: Yard):
    InProcessDispatcher(folder_worker, (yard.folder,), workers=1, prefix="s", on_end=print).stop(grace_seconds=0)


def test_a_server_without_workers_relies_on_others(yard: Yard):
    dispatcher = yard.open(workers=0)
    assert dispatcher.ready()
    dispatcher.wake("plain")
    dispatcher.stop(grace_seconds=0)


@dataclass
class Room:
    is_short: bool = False
    least_bytes: int = 100

    @property
    def free_bytes(self) -> int:
        return 7 if self.is_short else 1000


def test_a_server_whose_workers_are_full_is_not_ready_and_says_so_once(yard: Yard, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    room = Room()
    dispatcher = yard.open(workers=2, room=room)
    eventually(dispatcher.ready)
    for _ in range(2):
        room.is_short = True
        eventually(lambda: not dispatcher.ready())
        time.sleep(0.6)  # two more looks
        room.is_short = False
        eventually(dispatcher.ready)
    told = [(record.levelname, "full" in record.message, record.free_bytes, record.needed) for record in caplog.records]
    assert told == [("WARNING", True, 7, 100), ("INFO", False, 1000, 100)] * 2


def test_a_task_that_fills_the_disk_itself_does_not_make_the_server_full(yard: Yard):
    room = Room()
    dispatcher = yard.open(room=room)
    eventually(dispatcher.ready)
    yard.queue("a", "2")
    dispatcher.wake("plain")
    eventually(lambda: dispatcher._slots[0].worker.busy_since)
    room.is_short = True
    time.sleep(0.6)  # two looks
    assert dispatcher.ready()
    eventually(lambda: not dispatcher.ready())
    assert yard.names("done") == ["a"]


def test_a_worker_that_is_full_is_told_of_while_another_is_busy(yard: Yard, caplog: pytest.LogCaptureFixture):
    room = Room()
    dispatcher = yard.open(workers=2, room=room)
    eventually(lambda: all(slot.worker and slot.worker.ready for slot in dispatcher._slots))
    yard.queue("a", "2")
    dispatcher.wake("plain")
    eventually(lambda: any(slot.worker.busy_since for slot in dispatcher._slots))
    room.is_short = True
    eventually(lambda: caplog.records)
    assert dispatcher.ready(), "one of them still works"
    eventually(lambda: not dispatcher.ready())
    assert yard.names("done") == ["a"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_disk_that_cannot_be_asked_stops_nothing(yard: Yard):
    class Broken:
        @property
        def is_short(self) -> bool:
            raise PermissionError

    dispatcher = yard.open(room=Broken())
    eventually(dispatcher.ready)


SERVER = """
import sys, time
from pathlib import Path
from dispatch_workers import folder_worker
from spark_avatar.dispatch.in_process import InProcessDispatcher
if __name__ == "__main__":
    dispatcher = InProcessDispatcher(folder_worker, (Path(sys.argv[1]),), workers=2, prefix="s", on_end=print)
    dispatcher.start()
    time.sleep(60)
"""


def test_no_worker_outlives_a_killed_server(tmp_path: Path):
    yard = Yard(tmp_path)
    yard.queue("a", "60")
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    server = subprocess.Popen([sys.executable, script, tmp_path], env=environment)
    try:
        eventually(lambda: len(yard.pids()) == 2 and yard.names("running") == ["a"])
        family = psutil.Process(server.pid).children(recursive=True)
        assert {child.pid for child in family} >= set(yard.pids())
    finally:
        server.kill()
        server.wait()
    eventually(lambda: not any(alive(child) for child in family), seconds=1.5)
