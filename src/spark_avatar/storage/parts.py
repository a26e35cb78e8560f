"""Objects that arrive in parts, in any order: for files whose beginning is known last."""

from typing import Final, Protocol

from spark_avatar.storage.storage import ObjectKey

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes in any part but the last."""


class PartedUpload(Protocol):
    """One object on its way. It appears with `complete`, as if it had been put in one go, or never. Methods raise
    `StorageUnavailable`; `send` may be called from several threads.
    """

    def send(self, number: int, content: bytes) -> None:
        """Sends a part; the numbers, from 1, say in which order the parts stand in the object."""

    def complete(self) -> None:
        """Makes an object of the parts that were sent."""

    def abort(self) -> None:
        """Forgets the parts; nothing happens when they are forgotten already."""


class PartedStorage(Protocol):
    """A storage that takes objects in parts."""

    def begin(self, key: ObjectKey) -> PartedUpload:
        """Raises `StorageUnavailable`."""
        ...
