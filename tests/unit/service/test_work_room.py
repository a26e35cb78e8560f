"""A full disk is told apart from a task that is too large for it."""

import errno
from pathlib import Path

import av
import pytest

from spark_avatar.errors import GenerationError
from spark_avatar.service.room import WorkRoom, is_disk_full

FULL = OSError(errno.ENOSPC, "No space left on device")


def wrapped(inner: Exception) -> Exception:
    try:
        try:
            raise inner
        except type(inner) as cause:
            raise GenerationError("the video could not be written") from cause
    except GenerationError as outer:
        return outer


@pytest.mark.parametrize("error", [FULL, OSError(errno.EDQUOT, "Disk quota exceeded"), wrapped(FULL), wrapped(wrapped(FULL))])
def test_a_write_without_room_is_known_through_what_it_became(error: Exception):
    assert is_disk_full(error)


def test_what_pyav_says_of_a_full_disk_is_known():
    with pytest.raises(av.error.OSError, match="No space") as raised:
        av.error.err_check(-errno.ENOSPC)
    assert is_disk_full(raised.value)


@pytest.mark.parametrize("error", [OSError(errno.EFBIG, "File too large"), GenerationError("no"), wrapped(ValueError("no"))])
def test_other_faults_are_not_taken_for_it(error: Exception):
    assert not is_disk_full(error)


def test_only_a_disk_that_stays_full_excuses_the_task(tmp_path: Path):
    room = WorkRoom(tmp_path / "not" / "made" / "yet", least_bytes=1)
    full = WorkRoom(tmp_path, least_bytes=room.free_bytes * 2)
    assert (room.is_short, full.is_short) == (False, True)
    assert full.caused(wrapped(FULL))
    assert not room.caused(wrapped(FULL)), "there is room now: the task itself had filled it"
    assert not full.caused(GenerationError("no"))
    assert not WorkRoom(tmp_path, least_bytes=0).is_short
