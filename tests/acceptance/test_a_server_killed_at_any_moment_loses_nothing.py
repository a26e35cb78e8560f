"""SIGKILL of the server or of a worker, at twenty moments of a render; then a restart."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from acceptance.conftest import Server, body, finish

MOMENTS = [round(0.05 * number, 2) for number in range(20)]
"""Progress of the task at which the kill comes: queued, fetching, analysing, all through the frames, storing."""


class House:
    """One data folder, whose server is killed and stopped again and again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.server = Server(data_dir, SPARK_AVATAR_DRAIN_SECONDS="0").start()
        self.key = self.server.key()

    def submit(self, client: httpx.Client, host: str) -> str:
        created = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/speech.wav"))
        return created.raise_for_status().json()["id"]

    def kill_and_restart(self) -> None:
        children = psutil.Process(self.server.process.pid).children(recursive=True)
        self.server.kill()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, "workers outlive a killed server"
        self.server.start()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Of all tests: each server that is killed is the one that took up what its predecessor left."""
    shared = House(tmp_path_factory.mktemp("killed") / "data")
    yield shared
    shared.server.stop()


@pytest.fixture(scope="module")
def seen_at_the_kill() -> Iterator[list[str]]:
    """What the task's status was when the server was killed; nearly all kills must have hit a running task."""
    seen: list[str] = []
    yield seen
    if len(seen) == len(MOMENTS):
        assert seen.count("in_progress") >= 0.8 * len(MOMENTS), seen


def wait_for(client: httpx.Client, task_id: str, progress: float) -> str:
    """Returns the status as soon as the task has come so far, or ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        task = client.get(f"/model/v1/generation/task/{task_id}").json()
        if task["status"] != "in_progress" or task["progress"] >= progress:
            return task["status"]
        time.sleep(0.01)
    raise AssertionError(f"no progress: {task}")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_server_finishes_the_task_once_after_its_restart(
    moment: float, house: House, host: str, seen_at_the_kill: list[str]
) -> None:
    with house.server.client(house.key) as client:
        task_id = house.submit(client, host)
        seen_at_the_kill.append(wait_for(client, task_id, moment))
    house.kill_and_restart()
    with house.server.client(house.key) as client:
        task = finish(client, task_id)
        assert task["status"] == "completed", task
        video = client.get(task["output"][0]["content"][0]["url"])
        assert video.status_code == 200
        assert len(video.content) == task["output"][0]["content"][0]["size"]
    assert_one_output(house.data_dir, task_id)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.2, 0.6])
def test_a_killed_worker_is_replaced_and_the_task_completes(moment: float, house: House, host: str) -> None:
    with house.server.client(house.key) as client:
        task_id = house.submit(client, host)
        assert wait_for(client, task_id, moment) == "in_progress"
        for child in psutil.Process(house.server.process.pid).children(recursive=True):
            child.kill()
        task = finish(client, task_id)
        assert task["status"] == "completed", task
    assert_one_output(house.data_dir, task_id)


@pytest.mark.slow
def test_a_stopped_server_hands_its_task_back(house: House, host: str) -> None:
    with house.server.client(house.key) as client:
        task_id = house.submit(client, host)
        wait_for(client, task_id, 0.3)
    house.server.stop()
    assert house.server.process.returncode == 0
    house.server.start()
    with house.server.client(house.key) as client:
        assert finish(client, task_id)["status"] == "completed"
    assert_one_output(house.data_dir, task_id)


def assert_one_output(data_dir: Path, task_id: str) -> None:
    """One row, completed; one file for it; nothing left in the scratch folder."""
    with sqlite3.connect(data_dir / "spark-avatar.sqlite3") as database:
        rows = database.execute("select status from tasks where id = ?", (task_id,)).fetchall()
    database.close()
    assert rows == [("completed",)]
    outputs = [path for path in data_dir.rglob("*.mp4") if task_id in str(path)]
    assert len(outputs) == 1, outputs
    work = data_dir / "work"
    deadline = time.monotonic() + 60  # a living worker clears up just after it has said that it is done
    while work.exists() and any(work.iterdir()):
        assert time.monotonic() < deadline, list(work.rglob("*"))
        time.sleep(0.05)
