"""Where bytes live: uploads and results."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol

ObjectKey = NewType("ObjectKey", str)
"""Slash-separated, relative, made by `keys.py` only."""


@dataclass(frozen=True)
class StoredObject:
    """One stored file."""

    key: ObjectKey
    size: int
    modified_at: datetime | None = field(default=None, compare=False)
    """When it was written, in UTC; unknown straight after it was put."""


class Storage(Protocol):
    """Keeps files by key. A key is written whole or not at all."""

    def put(self, key: ObjectKey, source: Path | bytes) -> StoredObject:
        """Copies a file in, streaming, or bytes; replaces what was there."""
        ...

    def head(self, key: ObjectKey) -> StoredObject:
        """Its size; raises `ObjectNotFound`."""
        ...

    def read(self, key: ObjectKey, start: int, end: int) -> Iterator[bytes]:
        """The bytes [start, end) in chunks; raises `ObjectNotFound`."""
        ...

    def delete(self, key: ObjectKey) -> None:
        """Removes it; nothing happens when it is gone already."""

    def list(self, prefix: str) -> list[StoredObject]:
        """All objects whose key starts with the prefix."""
        ...
