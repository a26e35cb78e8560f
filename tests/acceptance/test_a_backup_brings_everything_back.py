"""`spark-avatar backup` beside a busy server, `restore` into an empty folder: tasks, videos, keys and links are there."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import httpx
import pytest

from acceptance.conftest import Server, body, finish


def command(data_dir: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SPARK_AVATAR_DATA_DIR": str(data_dir), **settings}
    return subprocess.run(
        [sys.executable, "-m", "spark_avatar", *words], env=environment, capture_output=True, text=True, timeout=120
    )


def unpack(backup: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-xf", str(backup), "-C", str(folder)], check=True)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory, host: str) -> tuple[Path, str, dict]:
    """A backup, taken while tasks were made and deleted; a key; a task that was finished before it."""
    folder = tmp_path_factory.mktemp("backup")
    server = Server(folder / "data").start()
    over = threading.Event()

    def keep_busy() -> None:
        with server.client(key) as busy:
            while not over.is_set():
                made = busy.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav")).json()["id"]
                busy.delete(f"/model/v1/generation/task/{made}")
                busy.delete(f"/model/v1/generation/task/{made}")

    try:
        key = server.key()
        with server.client(key) as client:
            done = client.post("/model/v1/generation", json=body(f"{host}/portrait.png", f"{host}/word.wav")).json()["id"]
            task = finish(client, done)
            assert task["status"] == "completed", task
        worker = threading.Thread(target=keep_busy)
        worker.start()
        made = command(server.data_dir, "backup", str(folder / "backup.tar"))
        over.set()
        worker.join(30)
        assert made.returncode == 0, made.stderr
    finally:
        over.set()
        server.stop()
    return folder / "backup.tar", key, task


def test_the_restored_server_knows_it_all(backed_up: tuple[Path, str, dict], tmp_path: Path) -> None:
    file, key, task = backed_up
    assert file.stat().st_mode & 0o077 == 0
    restored = command(tmp_path / "data", "restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert command(tmp_path / "data", "doctor", "--audit", "--sweep").returncode == 0
    server = Server(tmp_path / "data").start()
    try:
        with server.client(key) as client:
            there = client.get(f"/model/v1/generation/task/{task['id']}").raise_for_status().json()
            assert there["status"] == "completed"
            assert there["usage"] == task["usage"]
            video = httpx.get(there["output"][0]["content"][0]["url"]).raise_for_status()
            assert len(video.content) == there["output"][0]["content"][0]["size"]
            moved = f"{server.url}/{task['output'][0]['content'][0]['url'].split('/', 3)[3]}"
            assert httpx.get(moved).content == video.content  # signed before, with the same secret
    finally:
        server.stop()
    assert not list((tmp_path / "data").glob(".restore-*"))


def test_every_video_that_the_copied_database_names_is_in_the_backup(backed_up: tuple[Path, str, dict], tmp_path: Path) -> None:
    unpack(backed_up[0], tmp_path)
    database = sqlite3.connect(tmp_path / "spark-avatar.sqlite3")
    rows = database.execute("SELECT outputs FROM tasks WHERE status = 'completed'").fetchall()
    database.close()
    keys = [output["key"] for (outputs,) in rows for output in json.loads(outputs)["content"]]
    assert keys
    assert all((tmp_path / "files" / key).is_file() for key in keys)


@pytest.mark.parametrize("harm", ["../outside", "{}/outside", "link", "hard"])
def test_a_backup_that_reaches_out_of_the_folder_is_refused(backed_up: tuple[Path, str, dict], tmp_path: Path, harm: str) -> None:
    shutil.copy(backed_up[0], tmp_path / "harmful.tar")
    member = tarfile.TarInfo(harm.format(tmp_path))
    if harm in ("link", "hard"):
        member.type = tarfile.SYMTYPE if harm == "link" else tarfile.LNKTYPE
        member.linkname = "secret" if harm == "hard" else str(tmp_path)
    with tarfile.open(tmp_path / "harmful.tar", "a") as tar:
        tar.addfile(member, io.BytesIO())
    refused = command(tmp_path / "data", "restore", str(tmp_path / "harmful.tar"))
    assert (refused.returncode, "no backup" in refused.stderr) == (4, True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "harmful.tar"]


def test_nothing_is_overwritten(backed_up: tuple[Path, str, dict], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    refused = command(tmp_path, "restore", str(backed_up[0]))
    assert (refused.returncode, "`secret` already" in refused.stderr) == (4, True)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.9])
def test_half_a_backup_restores_nothing(backed_up: tuple[Path, str, dict], tmp_path: Path, share: float) -> None:
    whole = backed_up[0].read_bytes()
    (tmp_path / "half.tar").write_bytes(whole[: int(len(whole) * share)])
    refused = command(tmp_path / "data", "restore", str(tmp_path / "half.tar"))
    assert refused.returncode == 4, refused.stderr
    assert list((tmp_path / "data").iterdir()) == []


def test_a_backup_of_a_later_release_is_refused(backed_up: tuple[Path, str, dict], tmp_path: Path) -> None:
    unpack(backed_up[0], tmp_path / "in")
    database = sqlite3.connect(tmp_path / "in" / "spark-avatar.sqlite3")
    with database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with tarfile.open(tmp_path / "later.tar", "w") as tar:
        for path in sorted(path for path in (tmp_path / "in").rglob("*") if path.is_file()):
            tar.add(path, arcname=path.relative_to(tmp_path / "in").as_posix())
    refused = command(tmp_path / "data", "restore", str(tmp_path / "later.tar"))
    assert (refused.returncode, "later release" in refused.stderr) == (4, True)


def test_what_is_elsewhere_is_not_pretended_to_be_backed_up(tmp_path: Path) -> None:
    refused = command(tmp_path, "backup", str(tmp_path / "b.tar"), SPARK_AVATAR_DATABASE_URL="postgresql://localhost/x")
    assert (refused.returncode, "SPARK_AVATAR_DATABASE_URL" in refused.stderr) == (4, True)
    empty = command(tmp_path / "nothing", "backup", str(tmp_path / "b.tar"))
    assert (empty.returncode, "nothing to back up" in empty.stderr) == (4, True)
