"""Stores a video while it is being rendered.

The front of an MP4, with its index and its signed manifest, is known last, but it does not change what follows it. So blocks of
the encoded pictures and sound are sent as the encoder writes them; the front, with the beginning of these, and the end follow
when the file is finished. By then every block that was sent is proven to stand in the file unchanged. Where anything is
otherwise the parts are forgotten, and whoever stores the video stores it in one go.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Final

from spark_avatar.errors import SparkAvatarError
from spark_avatar.media.boxes import payload_of
from spark_avatar.storage.keys import VIDEO_SUFFIXES
from spark_avatar.storage.parts import PART_BYTES, PartedStorage, PartedUpload
from spark_avatar.storage.storage import ObjectKey, StoredObject

_POLL_SECONDS: Final = 0.5
"""Between looks at the growing file."""
_PARTS_AT_ONCE: Final = 4
"""When the file is finished, as in `ObjectStorage.put`."""
_ABORT_SECONDS: Final = 5.0
"""How long a task that ends waits for its parts to be forgotten; its thread goes on by itself."""

_log = logging.getLogger(__name__)


class EarlyUpload:
    """One video on its way; everything is done in a thread of its own, and nothing that fails there is raised.

    with EarlyUpload(storage.parts, key_of) as early:
        engine.render(..., announce=early.follow)
        stored = early.finish(key, path) or storage.put(key, path)
    """

    def __init__(self, storage: PartedStorage | None, key_of: Callable[[str], ObjectKey]) -> None:
        """`key_of` gives the key for a file's suffix. Without a storage nothing happens."""
        self._storage = storage
        self._key_of = key_of
        self._word: SimpleQueue[tuple[ObjectKey, Path] | None] = SimpleQueue()
        self._answer: SimpleQueue[StoredObject | None] = SimpleQueue()
        self._thread: Thread | None = None

    def __enter__(self) -> "EarlyUpload":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Forgets what was sent of a video that was not finished here."""
        if self._thread is not None:
            self._word.put(None)
            self._thread.join(_ABORT_SECONDS)

    def follow(self, path: Path) -> None:
        """A video will be written there, front to back. Only the first one counts."""
        if self._storage is not None and self._thread is None and path.suffix in VIDEO_SUFFIXES:
            self._thread = Thread(target=self._run, args=(self._storage, path), name="early-upload", daemon=True)
            self._thread.start()

    def finish(self, key: ObjectKey, path: Path) -> StoredObject | None:
        """The stored video; None where it has to be put as any other file."""
        if self._thread is None:
            return None
        self._word.put((key, path))
        return self._answer.get()

    def _run(self, storage: PartedStorage, path: Path) -> None:
        video = _Video(storage, self._key_of(path.suffix))
        word = self._follow_until_told(video, path)
        if word is not None:
            stored = None
            try:
                stored = video.finish(*word)
            except Exception:  # noqa: BLE001 - there is another way
                _log.warning("a video is stored again, in one go", extra={"key": word[0]}, exc_info=True)
            self._answer.put(stored)
            if stored is not None:
                return
            self._word.get()  # by then it is stored, or the task has failed
        video.forget()

    def _follow_until_told(self, video: "_Video", path: Path) -> tuple[ObjectKey, Path] | None:
        going_on, sent = True, False
        while True:
            with suppress(Empty):
                return self._word.get(timeout=0 if sent else _POLL_SECONDS) if going_on else self._word.get()
            try:
                sent = video.send_next(path)
            except Exception:  # noqa: BLE001 - there is another way
                _log.warning("a video is stored when it is finished, not before", extra={"key": video.key}, exc_info=True)
                going_on = False


class _Video:
    """The parts of one video. Part 1 ends so far into the encoded pictures and sound that it is large enough for a part, whatever
    stands in front of them.
    """

    def __init__(self, storage: PartedStorage, key: ObjectKey) -> None:
        self.key = key
        self._storage = storage
        self._upload: PartedUpload | None = None
        self._digests: list[bytes] = []
        """Of the blocks that were sent, as parts 2, 3, ..."""

    def send_next(self, path: Path) -> bool:
        """Sends the next block of the file; False where it is not there yet. Raises `StorageUnavailable`."""
        block = block_of(path, len(self._digests))
        if block is None:
            return False
        if self._upload is None:
            self._upload = self._storage.begin(self.key)
        self._upload.send(len(self._digests) + 2, block)
        self._digests.append(sha256(block).digest())
        return True

    def finish(self, key: ObjectKey, path: Path) -> StoredObject | None:
        """Sends what is missing; None where nothing was sent before, or something else. Raises `StorageUnavailable`."""
        upload, size = self._upload, path.stat().st_size
        if upload is None or key != self.key or not self._stands_in(path):
            return None

        def send(part: tuple[int, int, int]) -> None:
            number, start, end = part
            upload.send(number, _read(path, start, end))

        with ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="parts") as pool:
            for _ in pool.map(send, missing_parts(_front(path), len(self._digests), size)):
                pass
        upload.complete()
        _log.info("a video was stored while it was rendered", extra={"key": key, "early": len(self._digests), "size": size})
        return StoredObject(key=key, size=size)

    def forget(self) -> None:
        """Removes the parts, if the storage can be asked; otherwise its lifecycle rule does."""
        if self._upload is not None:
            with suppress(SparkAvatarError):
                self._upload.abort()

    def _stands_in(self, path: Path) -> bool:
        """Whether the finished file has all that was sent where it has to be."""
        start = _front(path)
        for number, digest in enumerate(self._digests):
            block = _read(path, start + number * PART_BYTES, start + (number + 1) * PART_BYTES)
            if sha256(block).digest() != digest:
                _log.warning("a video differs from what its encoder wrote first", extra={"key": self.key})
                return False
        return True


def block_of(path: Path, number: int) -> bytes | None:
    """A block, numbered from 0, of a file that is being written or finished; None as long as it is not there."""
    with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        payload = payload_of(file)
        if payload is None:
            return None
        start = payload.content + PART_BYTES + number * PART_BYTES
        if (payload.end or path.stat().st_size) < start + PART_BYTES:
            return None
        file.seek(start)
        block = file.read(PART_BYTES)
        # Where the box did not change, nothing in it was moved meanwhile: its end is set before that.
        if len(block) == PART_BYTES and payload_of(file) == payload:
            return block
    return None


def missing_parts(front: int, sent: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the parts that are missing when so many blocks were sent of a file of this size, whose first block
    starts after `front` bytes.
    """
    yield 1, 0, front
    number, start = sent + 2, front + sent * PART_BYTES
    while start < size:
        end = min(start + PART_BYTES, size)
        yield number, start, end
        number, start = number + 1, end


def _front(path: Path) -> int:
    """Where the first block begins in a finished file; its end where it has none."""
    with path.open("rb") as file:
        payload = payload_of(file)
    return path.stat().st_size if payload is None else payload.content + PART_BYTES


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)
