"""Videos that are stored while they grow, into a storage of the test's own."""

import itertools
import threading
from pathlib import Path

import growing_video
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.errors import StorageUnavailable
from spark_avatar.service import early_upload
from spark_avatar.service.early_upload import EarlyUpload, block_of, missing_parts
from spark_avatar.storage.storage import ObjectKey, StoredObject

KEY = ObjectKey("outputs/anna/task/1.mp4")
PART = 1000
"""Instead of 5 MiB."""


class Parts:
    """A `PartedStorage` in memory, and its one upload."""

    def __init__(self) -> None:
        self.key = None
        self.sent: dict[int, bytes] = {}
        self.arrived = threading.Semaphore(0)
        self.stored: bytes | None = None
        self.aborted = 0
        self.fault = lambda number: None

    def begin(self, key):
        assert self.key is None
        self.key = key
        return self

    def send(self, number, content):
        self.fault(number)
        assert number not in self.sent
        self.sent[number] = content
        self.arrived.release()

    def complete(self):
        assert not self.aborted
        self.fault(0)
        self.stored = b"".join(self.sent[number] for number in sorted(self.sent))

    def abort(self):
        self.aborted += 1


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(early_upload, "PART_BYTES", PART)
    monkeypatch.setattr(early_upload, "_POLL_SECONDS", 0.01)


@pytest.fixture
def path(tmp_path, small_parts):
    return tmp_path / "video.mp4"


def upload(parts):
    return EarlyUpload(parts, lambda suffix: ObjectKey(f"outputs/anna/task/1{suffix}"))


def payload(size):
    return bytes((i * 7 + i // 251) % 256 for i in range(size))


def arrived(parts, count):
    for _ in range(count):
        assert parts.arrived.acquire(timeout=10)


def test_blocks_go_while_the_file_grows_and_the_rest_when_it_is_finished(path):
    parts, content = Parts(), payload(5 * PART + 300)
    with upload(parts) as early:
        early.follow(path)  # before there is a file
        growing_video.begin(path, content[: 2 * PART])
        arrived(parts, 1)
        assert parts.sent == {2: content[PART : 2 * PART]}
        growing_video.go_on(path, content[2 * PART : 3 * PART + 500])
        arrived(parts, 1)
        growing_video.go_on(path, content[3 * PART + 500 :])
        arrived(parts, 2)
        path.write_bytes(growing_video.finished(content))
        stored = early.finish(KEY, path)
    assert stored == StoredObject(KEY, path.stat().st_size)
    assert parts.stored == path.read_bytes()
    assert sorted(parts.sent) == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(parts.sent[number]) >= PART for number in range(1, 7))
    assert parts.aborted == 0


def test_blocks_that_were_not_sent_in_time_follow_in_the_end(path):
    parts, content = Parts(), payload(9 * PART)
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content[: 2 * PART])
        arrived(parts, 1)
        path.write_bytes(growing_video.finished(content))  # all the rest at once
        assert early.finish(KEY, path) is not None
    assert parts.stored == path.read_bytes()


def test_what_the_encoder_held_back_is_sent_while_the_file_is_finished(path, tmp_path):
    """It is tagged and signed then, which takes a while."""
    parts, content = Parts(), payload(6 * PART)
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content[: 2 * PART])
        arrived(parts, 1)
        path.write_bytes(growing_video.ended(content))
        assert not parts.arrived.acquire(timeout=0.1)
        path.write_bytes(growing_video.finished(content))
        arrived(parts, 4)
        signed = tmp_path / "signed.mp4"
        signed.write_bytes(growing_video.finished(content, index=9_000))
        assert early.finish(KEY, signed) is not None
    assert parts.stored == signed.read_bytes()


def test_a_short_video_is_nobody_s_upload(path):
    parts, content = Parts(), payload(2 * PART - 1)
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content)
        path.write_bytes(growing_video.finished(content))
        assert early.finish(KEY, path) is None
    assert parts.key is None


def change_a_byte(content):
    return growing_video.finished(content[: PART + 9] + b"\xff" + content[PART + 10 :])


def leave_some_out(content):
    return growing_video.finished(content[: 2 * PART - 1])


def no_boxes(content):
    return b"\x1a\x45\xdf\xa3" + content


@pytest.mark.parametrize("change", [change_a_byte, leave_some_out, no_boxes])
def test_a_file_that_differs_from_what_was_sent_is_stored_anew(path, change):
    parts, content = Parts(), payload(4 * PART)
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content)
        arrived(parts, 3)
        path.write_bytes(change(content))
        assert early.finish(KEY, path) is None
        assert parts.aborted == 0  # the other way first
    assert (parts.stored, parts.aborted) == (None, 1)


def test_another_kind_of_file_than_announced_is_stored_anew(path):
    parts, content = Parts(), payload(4 * PART)
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content)
        arrived(parts, 1)
        path.write_bytes(growing_video.finished(content))
        assert early.finish(ObjectKey("outputs/anna/task/1.mov"), path) is None
    assert (parts.stored, parts.aborted) == (None, 1)


@pytest.mark.parametrize("failing", [2, 3, 1, 0], ids=["first block", "second block", "front", "completion"])
def test_a_storage_that_fails_fails_no_task(path, failing):
    parts, content = Parts(), payload(4 * PART)

    def fault(number):
        if number == failing:
            parts.arrived.release()
            raise StorageUnavailable

    parts.fault = fault
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, content)
        arrived(parts, 1)
        path.write_bytes(growing_video.finished(content))
        assert early.finish(KEY, path) is None
    assert (parts.stored, parts.aborted) == (None, 1)


def test_a_storage_that_takes_no_parts_is_asked_once(path):
    asked = threading.Semaphore(0)

    class Unwilling:
        def begin(self, key):
            asked.release()
            raise StorageUnavailable

    content = payload(4 * PART)
    with upload(Unwilling()) as early:
        early.follow(path)
        growing_video.begin(path, content)
        assert asked.acquire(timeout=10)
        growing_video.go_on(path, content)
        assert not asked.acquire(timeout=0.1)
        path.write_bytes(growing_video.finished(content * 2))
        assert early.finish(KEY, path) is None


def test_a_task_that_ends_otherwise_leaves_no_parts(path):
    parts = Parts()
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, payload(4 * PART))
        arrived(parts, 1)
    assert (parts.stored, parts.aborted) == (None, 1)


def test_a_task_that_ends_does_not_wait_for_a_silent_storage(path, monkeypatch):
    monkeypatch.setattr(early_upload, "_ABORT_SECONDS", 0.05)
    parts, silent = Parts(), threading.Event()

    def fault(number):
        parts.arrived.release()
        assert silent.wait(10)

    parts.fault = fault
    with upload(parts) as early:
        early.follow(path)
        growing_video.begin(path, payload(4 * PART))
        arrived(parts, 1)
    assert parts.aborted == 0
    thread = early._thread
    silent.set()
    thread.join(10)
    assert parts.aborted == 1


def test_without_a_storage_nothing_is_followed(path):
    with upload(None) as early:
        early.follow(path)
        path.write_bytes(growing_video.finished(payload(4 * PART)))
        assert early.finish(KEY, path) is None


def test_a_file_of_an_unknown_kind_is_not_followed(path, tmp_path):
    parts, content = Parts(), payload(4 * PART)
    with upload(parts) as early:
        early.follow(tmp_path / "draft.tmp")
        growing_video.begin(tmp_path / "draft.tmp", content)
        path.write_bytes(growing_video.finished(content))
        assert early.finish(KEY, path) is None
    assert parts.key is None


def test_only_the_first_video_of_a_task_is_followed(path, tmp_path):
    parts, content = Parts(), payload(3 * PART)
    with upload(parts) as early:
        early.follow(path)
        early.follow(tmp_path / "second.mp4")
        growing_video.begin(path, content)
        arrived(parts, 2)


class TestBlocks:
    def test_a_block_is_there_when_all_of_it_is(self, path: Path):
        content = payload(3 * PART)
        assert block_of(path, 0) is None
        growing_video.begin(path, content[: 2 * PART - 1])
        assert block_of(path, 0) is None
        growing_video.go_on(path, content[2 * PART - 1 :])
        assert block_of(path, 0) == content[PART : 2 * PART]
        assert block_of(path, 1) == content[2 * PART :]
        assert block_of(path, 2) is None

    def test_a_finished_file_has_them_behind_its_index(self, path: Path):
        content = payload(4 * PART)
        path.write_bytes(growing_video.finished(content))
        assert [block_of(path, number) for number in range(4)] == [
            content[PART : 2 * PART],
            content[2 * PART : 3 * PART],
            content[3 * PART :],
            None,
        ]

    def test_nothing_is_read_while_it_is_moved(self, path: Path):
        path.write_bytes(growing_video.ended(payload(4 * PART)))
        assert block_of(path, 0) is None


@given(front=st.integers(PART, 3 * PART), sent=st.integers(1, 50), rest=st.integers(0, 40 * PART))
def test_the_missing_parts_and_the_sent_ones_are_the_whole_file(front, sent, rest):
    size = front + sent * PART + rest
    blocks = [(number + 2, front + number * PART, front + (number + 1) * PART) for number in range(sent)]
    with pytest.MonkeyPatch.context() as patch:  # a fixture would be set up once for all examples
        patch.setattr(early_upload, "PART_BYTES", PART)
        parts = sorted([*missing_parts(front, sent, size), *blocks])
    assert [number for number, _, _ in parts] == list(range(1, len(parts) + 1))
    assert (parts[0][1], parts[-1][2]) == (0, size)
    assert all(before[2] == after[1] for before, after in itertools.pairwise(parts))
    assert all(end - start >= PART for _, start, end in parts[:-1])
