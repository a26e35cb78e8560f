"""Storage on a local folder, S3, Google Cloud Storage, Azure or memory, through obstore (the Rust crate `object_store`)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from obstore.store import LocalStore, MemoryStore, ObjectStore

from spark_avatar.errors import ConfigurationError, ObjectNotFound
from spark_avatar.private_files import make_folder_of
from spark_avatar.storage import clouds, staging
from spark_avatar.storage.faults import told
from spark_avatar.storage.parts import PartedStorage
from spark_avatar.storage.s3_parts import parts_of
from spark_avatar.storage.storage import ObjectKey, StoredObject

if TYPE_CHECKING:
    from obstore import BytesStream

_LEAST_CHUNK: Final = 64 * 1024
_MOST_CHUNK: Final = 256 * 1024
_PARTS_AT_ONCE: Final = 4
"""Parts of 5 MiB in memory at once while a large file goes up."""


class ObjectStorage:
    """A `Storage` at a URL: a folder's path, `file:///folder`, `memory://`, `s3://bucket/prefix`, `gs://...`, `az://...`.
    The credentials, endpoint and encryption of clouds are found the way each cloud's own tools find them, in the environment.
    Raises `ConfigurationError` where the URL cannot be used.

    A cloud that answers with 5xx, breaks off or is silent is asked again, ever more rarely, for `retry_seconds`. Then, or when
    a local disk fails, methods raise `StorageUnavailable`; they raise `StorageMisconfigured` for a bucket that is not there or
    that refuses the credentials.
    """

    def __init__(self, url: str, *, retry_seconds: float = clouds.RETRY_SECONDS) -> None:
        self._url = url
        self._folder = _folder_of(url)
        self._store: ObjectStore
        if self._folder is not None:
            make_folder_of("SPARK_AVATAR_STORAGE_URL", self._folder)
            self._store = LocalStore(self._folder, automatic_cleanup=True)
        elif url.startswith("memory:"):
            self._store = MemoryStore()
        else:
            self._store = clouds.open_cloud(url, retry_seconds=retry_seconds)
        self._parts = parts_of(self._store)

    @property
    def parts(self) -> PartedStorage | None:
        """Takes files in parts, in any order; None where the storage cannot."""
        return self._parts

    def check(self) -> None:
        """Asks the storage once, without patience. Raises `StorageMisconfigured` for a bucket that is not there or refuses the
        credentials, and for a folder that cannot be used, `StorageUnavailable` when nothing answers within a few seconds.
        """
        store = clouds.open_cloud(self._url, retry_seconds=0) if self._is_cloud else self._store
        with told(bucket=True):
            for _ in store.list("readiness"):
                return

    def presign(self, key: ObjectKey, seconds: float) -> str:
        """An address at the cloud itself that reads the file for so long. Raises `ConfigurationError` for other storages."""
        if not self._is_cloud:
            raise ConfigurationError("Only S3, Google Cloud Storage and Azure sign addresses of their own.")
        with told():
            return clouds.presign(self._store, key, timedelta(seconds=seconds))

    @property
    def _is_cloud(self) -> bool:
        return not isinstance(self._store, LocalStore | MemoryStore)

    def put(self, key: ObjectKey, source: Path | bytes) -> StoredObject:
        """Copies a file in, streaming, or bytes; replaces what was there. A local file is written beside its place and renamed, a
        large cloud object appears when its last part has arrived: a reader sees the old one or the new one, never a part.
        """
        with told(bucket=True):
            attributes = clouds.attributes_of(key) if self._is_cloud else None
            self._store.put(key, source, max_concurrency=_PARTS_AT_ONCE, attributes=attributes)
            if self._folder is not None:
                staging.make_durable(self._folder / key)
        return StoredObject(key=key, size=len(source) if isinstance(source, bytes) else source.stat().st_size)

    def head(self, key: ObjectKey) -> StoredObject:
        """Its size; raises `ObjectNotFound`."""
        try:
            with told():
                found = self._store.head(key)
        except FileNotFoundError as missing:
            raise ObjectNotFound from missing
        return StoredObject(key=key, size=found["size"], modified_at=found["last_modified"])

    def read(self, key: ObjectKey, start: int, end: int) -> Iterator[bytes]:
        """The bytes [start, end), as far as there are any, in chunks of 256 KiB at most; raises `ObjectNotFound` at once,
        not at the first chunk. A file that is deleted or replaced meanwhile is still read to its end.
        """
        if not 0 <= start <= end:
            raise ValueError(f"not a range: [{start}, {end})")
        # Stores disagree about ranges that hold nothing.
        if start >= min(end, self.head(key).size):
            return iter(())
        try:
            with told():
                result = self._store.get(key, options={"range": (start, end)})
        except FileNotFoundError as missing:
            raise ObjectNotFound from missing
        return _split(result.stream(min_chunk_size=_LEAST_CHUNK))

    def delete(self, key: ObjectKey) -> None:
        """Removes it; nothing happens when it is gone already."""
        try:
            with told():
                self._store.delete(key)
        except FileNotFoundError:
            return

    def sweep(self, prefix: str = "", *, older_than: timedelta = timedelta(hours=1)) -> int:
        """Removes what a killed `put` left behind under a prefix, and returns how many files those were. One that was
        written to more recently than `older_than` may still be at work; 0 is right where none can be. Of clouds only S3 shows
        unfinished uploads, to botocore: give the bucket a lifecycle rule that aborts them.
        """
        if self._parts is not None:
            return self._parts.sweep(prefix, older_than=older_than)
        return 0 if self._folder is None else staging.sweep(self._folder, prefix, older_than)

    def list(self, prefix: str) -> "list[StoredObject]":
        """All objects whose key starts with the prefix."""
        # The store's own prefixes are whole folders.
        folder, _, _ = prefix.rpartition("/")
        with told(bucket=True):
            return [
                StoredObject(key=ObjectKey(found["path"]), size=found["size"], modified_at=found["last_modified"])
                for batch in self._store.list(folder or None)
                for found in batch
                if found["path"].startswith(prefix)
            ]


def _folder_of(url: str) -> Path | None:
    """The folder that a URL names, if it names one."""
    if "://" not in url and not url.startswith("memory:"):
        return Path(url).absolute()
    split = urlsplit(url)
    return Path(url2pathname(split.path)) if split.scheme == "file" else None


def _split(stream: "BytesStream") -> Iterator[bytes]:
    with told():
        for chunk in stream:
            view = memoryview(chunk)
            for start in range(0, len(view), _MOST_CHUNK):
                yield bytes(view[start : start + _MOST_CHUNK])
