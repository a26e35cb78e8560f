"""What every `Storage` must do. A class of tests: inherit it, and give it a fixture `storage` that is empty."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from spark_avatar.errors import ObjectNotFound
from spark_avatar.storage.storage import ObjectKey, StoredObject

KEY = ObjectKey("outputs/anna/task/1.mp4")
LARGE = 13 * 1024 * 1024 + 7
"""More than two parts of a multipart upload."""


@pytest.fixture
def source(tmp_path):
    """Makes a file with this content."""

    def make(content):
        path = tmp_path / "source.bin"
        path.write_bytes(content)
        return path

    return make


def content_of(storage, key):
    return b"".join(storage.read(key, 0, storage.head(key).size))


class StorageContract:
    @pytest.mark.parametrize("size", [0, 1, 64 * 1024, LARGE])
    def test_a_file_comes_back_as_it_went_in(self, storage, source, size):
        content = random.Random(size).randbytes(size)
        assert storage.put(KEY, source(content)) == StoredObject(KEY, size)
        assert storage.head(KEY) == StoredObject(KEY, size)
        assert content_of(storage, KEY) == content

    def test_bytes_are_stored_like_a_file(self, storage):
        assert storage.put(KEY, b"12345") == StoredObject(KEY, 5)
        assert content_of(storage, KEY) == b"12345"

    def test_a_file_tells_when_it_was_written(self, storage):
        before = datetime.now(UTC) - timedelta(seconds=2)
        storage.put(KEY, b"x")
        for found in (storage.head(KEY), *storage.list("")):
            assert before < found.modified_at < datetime.now(UTC) + timedelta(seconds=2)

    def test_a_file_replaces_what_was_there(self, storage, source):
        storage.put(KEY, source(b"a longer first version"))
        storage.put(KEY, source(b"second"))
        assert content_of(storage, KEY) == b"second"
        assert storage.list("") == [StoredObject(KEY, 6)]

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [(0, 4, b"0123"), (3, 7, b"3456"), (9, 10, b"9"), (0, 10, b"0123456789"), (4, 4, b""), (8, 99, b"89"), (10, 11, b"")],
    )
    def test_a_range_is_read_alone(self, storage, source, start, end, expected):
        storage.put(KEY, source(b"0123456789"))
        assert b"".join(storage.read(KEY, start, end)) == expected

    def test_a_large_range_comes_in_chunks_that_fit_into_memory(self, storage, source):
        content = random.Random(1).randbytes(LARGE)
        storage.put(KEY, source(content))
        chunks = list(storage.read(KEY, 1000, LARGE - 1000))
        assert b"".join(chunks) == content[1000:-1000]
        assert max(map(len, chunks)) <= 256 * 1024
        assert len(chunks) < LARGE / (32 * 1024), "chunks too small to be fast"

    @pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 2)])
    def test_what_is_no_range_is_refused(self, storage, source, start, end):
        storage.put(KEY, source(b"0123456789"))
        with pytest.raises(ValueError, match="range"):
            storage.read(KEY, start, end)

    def test_a_file_that_is_not_there_is_not_found(self, storage):
        with pytest.raises(ObjectNotFound):
            storage.head(KEY)
        with pytest.raises(ObjectNotFound):
            storage.read(KEY, 0, 10)  # at once, so that a server can still answer 404
        with pytest.raises(ObjectNotFound):
            storage.read(KEY, 0, 0)

    def test_a_folder_is_no_file(self, storage, source):
        storage.put(KEY, source(b"x"))
        with pytest.raises(ObjectNotFound):
            storage.head(ObjectKey("outputs/anna"))

    def test_deleting_removes_that_file_only(self, storage, source):
        other = ObjectKey("outputs/anna/task/2.mp4")
        storage.put(KEY, source(b"1"))
        storage.put(other, source(b"22"))
        storage.delete(KEY)
        assert storage.list("") == [StoredObject(other, 2)]
        with pytest.raises(ObjectNotFound):
            storage.head(KEY)

    def test_deleting_what_is_gone_does_nothing(self, storage, source):
        storage.put(KEY, source(b"1"))
        storage.delete(KEY)
        storage.delete(KEY)
        storage.delete(ObjectKey("never/was"))

    def test_a_file_is_read_to_its_end_though_it_is_deleted_meanwhile(self, storage, source):
        content = random.Random(2).randbytes(1024 * 1024)
        storage.put(KEY, source(content))
        chunks = storage.read(KEY, 0, len(content))
        first = next(chunks)
        storage.delete(KEY)
        assert first + b"".join(chunks) == content

    def test_listing_finds_the_keys_that_start_with_a_prefix(self, storage, source):
        for key in ("outputs/anna/t1/1.mp4", "outputs/anna/t1/2.mp4", "outputs/anna/t12/1.mp4", "uploads/anna/f.png"):
            storage.put(ObjectKey(key), source(key.encode()))

        def listed(prefix):
            return sorted(found.key for found in storage.list(prefix))

        assert listed("outputs/anna/t1/") == ["outputs/anna/t1/1.mp4", "outputs/anna/t1/2.mp4"]
        assert listed("outputs/anna/t1") == ["outputs/anna/t1/1.mp4", "outputs/anna/t1/2.mp4", "outputs/anna/t12/1.mp4"]
        assert listed("uploads/") == ["uploads/anna/f.png"]
        assert len(listed("")) == 4
        assert listed("nothing/") == listed("zzz") == []
