"""Object storage on disk and in memory: the contract; and on disk, what a killed process leaves."""

import multiprocessing
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from storage_contract import KEY, StorageContract, content_of, source
from storage_processes import put_once

from spark_avatar.errors import ConfigurationError
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.storage import ObjectKey

__all__ = ["source"]  # the contract's fixture
spawn = multiprocessing.get_context("spawn")
AT_ONCE = timedelta(0)


class TestFolder(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        return ObjectStorage(str(tmp_path / "not yet there" / "files"))


class TestFileUrl(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        return ObjectStorage((tmp_path / "with a space").as_uri())


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self):
        return ObjectStorage("memory://")


@pytest.mark.parametrize("url", ["ftp://host/x", "https://host/x", "s3://", "nonsense://x"])
def test_another_kind_of_storage_is_refused(url):
    with pytest.raises(ConfigurationError):
        ObjectStorage(url)


def test_a_file_url_names_the_folder_itself(tmp_path, source):
    ObjectStorage((tmp_path / "a b").as_uri()).put(KEY, source(b"x"))
    assert (tmp_path / "a b" / KEY).read_bytes() == b"x"


class TestAKilledPut:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "files"

    @pytest.fixture
    def storage(self, folder):
        return ObjectStorage(str(folder))

    @pytest.fixture
    def large(self, tmp_path):
        path = tmp_path / "large.bin"
        with path.open("wb") as file:
            for letter in range(200):
                file.write(bytes([letter]) * (1024 * 1024))
        return path

    def kill_in_the_middle(self, folder, large):
        """Kills a process while its staged file grows; returns that file."""
        putting = spawn.Process(target=put_once, args=(str(folder), KEY, str(large)))
        putting.start()
        deadline = time.monotonic() + 60
        while not (staged := [path for path in folder.rglob("*#*") if path.stat().st_size > 0]):
            assert time.monotonic() < deadline, "no staged file was seen"
            assert putting.is_alive(), "the file was put before it could be killed"
        putting.kill()
        putting.join()
        return staged[0]

    def test_the_old_file_stays_whole_and_the_rest_is_swept(self, storage, folder, large, source):
        storage.put(KEY, source(b"the old version"))
        staged = self.kill_in_the_middle(folder, large)
        assert 0 < staged.stat().st_size < large.stat().st_size
        assert content_of(storage, KEY) == b"the old version"
        assert [found.key for found in storage.list("")] == [KEY]
        assert storage.sweep(older_than=AT_ONCE) == 1
        assert [path for path in folder.rglob("*") if path.is_file()] == [folder / KEY]

    def test_nothing_is_there_if_nothing_was_before(self, storage, folder, large):
        self.kill_in_the_middle(folder, large)
        assert storage.list("") == []
        assert storage.sweep(older_than=AT_ONCE) == 1
        assert list(folder.iterdir()) == [], "empty folders stay behind"

    def test_the_next_put_is_not_disturbed_by_the_rest(self, storage, folder, large, source):
        self.kill_in_the_middle(folder, large)
        storage.put(KEY, source(b"the next version"))
        assert content_of(storage, KEY) == b"the next version"
        assert storage.sweep(older_than=AT_ONCE) == 1
        assert content_of(storage, KEY) == b"the next version"


class TestSweep:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "files"

    @pytest.fixture
    def storage(self, folder):
        return ObjectStorage(str(folder))

    @staticmethod
    def leave(folder, name, *, age):
        path: Path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"part")
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    def test_files_that_may_still_be_at_work_stay(self, storage, folder):
        old = self.leave(folder, "uploads/anna/a.png#1", age=4000)
        young = self.leave(folder, "uploads/anna/b.png#1", age=3000)
        assert storage.sweep() == 1
        assert young.exists()
        assert not old.exists()

    def test_a_prefix_limits_it(self, storage, folder):
        mine = self.leave(folder, "outputs/anna/t1/1.mp4#12", age=1)
        others = self.leave(folder, "outputs/anna/t2/1.mp4#1", age=1)
        assert storage.sweep("outputs/anna/t1/", older_than=AT_ONCE) == 1
        assert not mine.exists()
        assert others.exists()

    def test_whole_files_and_strangers_stay(self, storage, folder, source):
        storage.put(KEY, source(b"x"))
        self.leave(folder, "outputs/anna/notes#draft", age=9000)
        assert storage.sweep(older_than=AT_ONCE) == 0
        assert content_of(storage, KEY) == b"x"

    def test_memory_has_nothing_to_sweep(self):
        assert ObjectStorage("memory://").sweep(older_than=AT_ONCE) == 0


def test_deleting_the_last_file_of_a_folder_removes_the_folder(tmp_path, source):
    storage = ObjectStorage(str(tmp_path / "files"))
    storage.put(KEY, source(b"x"))
    storage.put(ObjectKey("uploads/anna/f.png"), source(b"y"))
    storage.delete(KEY)
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["uploads"]
    storage.delete(ObjectKey("uploads/anna/f.png"))
    assert list((tmp_path / "files").iterdir()) == []
