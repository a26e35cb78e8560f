"""What the server keeps is no business of other users of the machine, whatever makes its folder first."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from spark_avatar.app.backup import back_up, restore
from spark_avatar.app.openings import open_keys
from spark_avatar.config import Settings
from spark_avatar.database.backup import copy_database
from spark_avatar.database.engine import open_database, writing
from spark_avatar.database.migrate import upgrade
from spark_avatar.dispatch.presence import ServerPresence
from spark_avatar.private_files import make_private_folder
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.secret import load_secret
from spark_avatar.storage.storage import ObjectKey

USUAL_UMASK = 0o022
OTHERS = 0o077
FIRST = {
    "storage": lambda data: ObjectStorage(str(data / "files")),
    "presence": lambda data: ServerPresence(data / "servers").withdraw(),
    "secret": lambda data: load_secret(data / "sub" / "secret"),
    "database": lambda data: upgrade(f"sqlite:///{data / 'sub' / 'database.sqlite3'}"),
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(USUAL_UMASK)
    yield
    os.umask(before)


def test_serve_makes_its_data_folder_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    settings = {"SPARK_AVATAR_DATA_DIR": str(data), "SPARK_AVATAR_WORKERS": "0"}
    command = [sys.executable, "-m", "spark_avatar", "serve", "--port", "0"]
    with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert b"listens on" in process.stdout.readline()
            assert mode(data) == 0o700
            kept = {path.name: mode(path) for path in data.glob("*.sqlite3*")}
            assert kept == dict.fromkeys(
                ("spark-avatar.sqlite3", "spark-avatar.sqlite3-wal", "spark-avatar.sqlite3-shm"), 0o600
            ), kept
            open_to_others = [path.name for path in data.iterdir() if mode(path) & OTHERS]
            assert open_to_others == []
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def test_what_serve_stores_is_private_in_a_folder_that_is_not(tmp_path: Path) -> None:
    data = tmp_path / "mounted"
    data.mkdir(mode=0o755)
    _, secret = open_keys(Settings(data_dir=data)).create("test")
    settings = {"SPARK_AVATAR_DATA_DIR": str(data), "SPARK_AVATAR_STORAGE_URL": str(data), "SPARK_AVATAR_WORKERS": "0"}
    command = [sys.executable, "-m", "spark_avatar", "serve", "--port", "0"]
    with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            address = process.stdout.readline().decode().split()[-1]
            picture = BytesIO()
            Image.new("RGB", (64, 64)).save(picture, "PNG")
            files, headers = {"file": ("a.png", picture.getvalue())}, {"Authorization": f"Bearer {secret}"}
            httpx.post(f"{address}api/v1/storage/files", files=files, headers=headers).raise_for_status()
            stored = [*(data / "uploads").rglob("*")]
            assert stored
            assert [path.name for path in (data / "uploads", *stored) if mode(path) & OTHERS] == []
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


@pytest.mark.parametrize("name", FIRST)
def test_the_data_folder_is_private_whoever_makes_it(name: str, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    FIRST[name](data)
    made = [data.parent, data, *(path for path in data.iterdir() if path.is_dir())]
    assert {mode(folder) for folder in made} == {0o700}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    make_private_folder(shared / "below")
    make_private_folder(shared)
    assert (mode(shared), mode(shared / "below")) == (0o755, 0o700)


def test_a_file_in_a_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises((FileExistsError, NotADirectoryError)):
        make_private_folder(tmp_path / "taken" / "below")


def test_a_database_and_its_copy_are_private_in_a_folder_that_is_not(tmp_path: Path) -> None:
    original = tmp_path / "original.sqlite3"
    engine = open_database(f"sqlite:///{original}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE words (word TEXT)")
        copy_database(original, tmp_path / "copy.sqlite3")
        assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
            "original.sqlite3": 0o600,
            "original.sqlite3-wal": 0o600,
            "original.sqlite3-shm": 0o600,
            "copy.sqlite3": 0o600,
        }
    engine.dispose()


def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared.sqlite3"
    shared.touch()
    shared.chmod(0o660)
    upgrade(f"sqlite:///{shared}")
    assert mode(shared) == 0o660


@pytest.mark.parametrize("name", ["C# avatar", "is it?", "a%41b", "50% of all", "M\u00fcller"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    kept, restored = Settings(data_dir=tmp_path / name), Settings(data_dir=tmp_path / "new" / name)
    open_keys(kept).create("laptop")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    back_up(kept, tmp_path / "backup.tar")
    restore(restored, tmp_path / "backup.tar")
    assert [key.name for key in open_keys(restored).list()] == ["laptop"]


def test_a_restored_data_folder_is_private(tmp_path: Path) -> None:
    kept, restored = Settings(data_dir=tmp_path / "kept"), Settings(data_dir=tmp_path / "new" / "restored")
    upgrade(f"sqlite:///{kept.data_dir / 'spark-avatar.sqlite3'}")
    ObjectStorage(str(kept.data_dir / "files")).put(ObjectKey("uploads/anna/portrait.png"), b"a face")
    (kept.data_dir / "spark-avatar.sqlite3").chmod(0o644)  # as releases before made it
    back_up(kept, tmp_path / "backup.tar")
    restore(restored, tmp_path / "backup.tar")
    assert (restored.data_dir / "files" / "uploads" / "anna" / "portrait.png").read_bytes() == b"a face"
    below = [restored.data_dir.parent, restored.data_dir, *restored.data_dir.rglob("*")]
    assert [path.name for path in below if mode(path) & OTHERS] == []
