"""Brings an input here, wherever it is: our own storage, the web, or the URL itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from spark_avatar.errors import ObjectNotFound
from spark_avatar.media.limits import MediaLimits
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.connect import Deadline
from spark_avatar.service.data_url import decode_data_url
from spark_avatar.service.faults import InputFaults, InputKind, faults_of
from spark_avatar.service.http_source import HttpSource
from spark_avatar.service.inputs import stored_key
from spark_avatar.service.urls import is_data_url
from spark_avatar.storage.links import ALWAYS, LinkSigner
from spark_avatar.storage.storage import ObjectKey, Storage

_log = logging.getLogger(__name__)


def _never() -> None:
    """A checkpoint that always passes."""


@dataclass(frozen=True)
class InputFetcher:
    """Fetches inputs within limits of size and time."""

    http: HttpSource
    storage: Storage
    signer: LinkSigner
    limits: MediaLimits = field(default_factory=MediaLimits)
    seconds: float = 60.0
    """For one input, all redirects included."""
    clock: Clock = utc_now

    def is_at_hand(self, url: str) -> bool:
        """Whether the file is here already: in the URL itself, or uploaded before."""
        return is_data_url(url) or self.signer.key_from_url(url, self.clock()) is not None

    def fetch(
        self,
        url: str,
        kind: InputKind,
        destination: Path,
        *,
        given_at: datetime | None = None,
        checkpoint: Callable[[], None] = _never,
    ) -> Path:
        """Writes the file that `url` names to `destination`, and returns that. `checkpoint` is called between chunks, and
        may raise to end the fetch. `given_at` is when the address was given, by default now: one of our own links that had not
        expired then is good, however long its task has waited.

        Raises the input's `ImageUrlInvalid` or `AudioUrlInvalid` for an address that is malformed, expired or not public,
        `ImageTooManyBytes` or `AudioTooLong`, `ImageUnreadable` or `AudioUnreadable` for an empty file, and
        `RemoteStatusError` when a host does not deliver. Whether the file is a picture or a recording is not looked at.
        """
        faults = faults_of(kind, self.limits)
        try:
            self._fetch(url, destination, faults, given_at or self.clock(), checkpoint)
        except BaseException:
            destination.unlink(missing_ok=True)
            raise
        _log.info("input fetched", extra={"kind": kind, "bytes": destination.stat().st_size})
        return destination

    def _fetch(
        self, url: str, destination: Path, faults: InputFaults, given_at: datetime, checkpoint: Callable[[], None]
    ) -> None:
        if is_data_url(url):
            destination.write_bytes(decode_data_url(url, faults))
            return
        key = stored_key(url) or self.signer.key_from_url(url, given_at)
        if key is not None:
            self._copy(key, destination, faults, checkpoint)
            return
        if self.signer.key_from_url(url, ALWAYS) is not None:
            raise faults.invalid("is a link that has expired: upload the file again")
        self.http.download(url, destination, faults, Deadline(self.seconds, checkpoint))

    def _copy(self, key: ObjectKey, destination: Path, faults: InputFaults, checkpoint: Callable[[], None]) -> None:
        """From our own storage, without a detour over the network."""
        try:
            size = self.storage.head(key).size
            if size > faults.limit_bytes:
                raise faults.too_large(size)
            if not size:
                raise faults.empty()
            with destination.open("wb") as file:
                for chunk in self.storage.read(key, 0, size):
                    checkpoint()
                    file.write(chunk)
        except ObjectNotFound:
            raise faults.invalid("leads to an uploaded file that is no longer there: upload it again") from None
