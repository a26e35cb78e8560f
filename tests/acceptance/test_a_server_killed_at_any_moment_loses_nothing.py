"""SIGKILL of the server or of a worker, at twenty moments of a render; then a restart."""

import sqlite3
import time
from pathlib import Path

import psutil
import pytest

from acceptance.conftest import Server, body, finish

MOMENTS = [round(0.05 + 0.16 * number, 2) for number in range(20)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed") / "data"


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_server_finishes_the_task_once_after_its_restart(moment: float, data_dir: Path, host: str) -> None:
    victim = Server(data_dir).start()
    key = victim.key()
    with victim.client(key) as client:
        created = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav"))
    task_id = created.raise_for_status().json()["id"]
    time.sleep(moment)
    children = psutil.Process(victim.process.pid).children(recursive=True)
    victim.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "workers outlive a killed server"

    heir = Server(data_dir).start()
    try:
        with heir.client(key) as client:
            task = finish(client, task_id)
            assert task["status"] == "completed", task
            video = client.get(task["output"][0]["content"][0]["url"])
            assert video.status_code == 200
            assert len(video.content) == task["output"][0]["content"][0]["size"]
    finally:
        heir.stop()
    assert_one_output(data_dir, task_id)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.3, 1.0, 1.8])
def test_a_killed_worker_is_replaced_and_the_task_completes(moment: float, tmp_path: Path, host: str) -> None:
    server = Server(tmp_path / "data").start()
    try:
        key = server.key()
        with server.client(key) as client:
            created = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav"))
            task_id = created.raise_for_status().json()["id"]
            time.sleep(moment)
            for child in psutil.Process(server.process.pid).children(recursive=True):
                child.kill()
            task = finish(client, task_id)
            assert task["status"] == "completed", task
    finally:
        server.stop()
    assert_one_output(tmp_path / "data", task_id)


@pytest.mark.slow
def test_a_stopped_server_hands_its_task_back(tmp_path: Path, host: str) -> None:
    first = Server(tmp_path / "data", SPARK_AVATAR_DRAIN_SECONDS="0").start()
    key = first.key()
    with first.client(key) as client:
        created = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/speech.wav"))
    task_id = created.raise_for_status().json()["id"]
    time.sleep(1.0)
    first.stop()
    assert first.process.returncode == 0
    second = Server(tmp_path / "data").start()
    try:
        with second.client(key) as client:
            assert finish(client, task_id)["status"] == "completed"
    finally:
        second.stop()
    assert_one_output(tmp_path / "data", task_id)


def assert_one_output(data_dir: Path, task_id: str) -> None:
    """One row, completed; one file for it; nothing left in the scratch folder."""
    with sqlite3.connect(next(data_dir.glob("*.db"))) as database:
        rows = database.execute("select status from tasks where id = ?", (task_id,)).fetchall()
    database.close()
    assert rows == [("completed",)]
    outputs = [path for path in data_dir.rglob("*.mp4") if task_id in str(path)]
    assert len(outputs) == 1, outputs
    work = data_dir / "work"
    assert not work.exists() or not any(work.iterdir()), list(work.rglob("*"))
