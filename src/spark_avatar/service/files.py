"""Uploaded inputs and finished videos, and the links by which they are read."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import unquote, urlsplit

from spark_avatar.accounts.keys import Caller
from spark_avatar.errors import ObjectNotFound, WrongMediaType
from spark_avatar.media.sniff import SNIFF_BYTES, sniff_kind, sniff_media, with_article
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.inputs import stored_key
from spark_avatar.storage.keys import parse_key, upload_key
from spark_avatar.storage.links import ALWAYS, LinkSigner
from spark_avatar.storage.storage import ObjectKey, Storage

MEDIA_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
"""By the suffix of a key. Nothing that a browser would run as a page or a script."""
_OTHER = "application/octet-stream"
_ELSEWHERE_SECONDS: Final = 3600.0
"""How long an address at the storage works at most: whoever watches longer follows our own link again. Cloud credentials that
change by themselves may end it sooner, which is why the long-lived link stays ours."""
_LONGEST_NAME: Final = 100
"""Characters of an input's name that are shown."""


@dataclass(frozen=True)
class StoredFile:
    """An upload that is kept."""

    key: ObjectKey
    size: int
    media_type: str


@dataclass(frozen=True)
class InputLink:
    """The address of a task's input."""

    url: str
    stored: bool
    """Whether the file lies here."""
    available: bool
    """False for a file of ours that was removed."""


@dataclass(frozen=True)
class OpenFile:
    """A stored file, ready to be read."""

    key: ObjectKey
    size: int
    media_type: str
    storage: Storage = field(repr=False)
    elsewhere: str = ""
    """An address at the storage itself that reads it for a while; empty where readers are to come to us."""

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes [start, end) in chunks."""
        return self.storage.read(self.key, start, end)


class FileService:
    """Takes files in and gives signed links out."""

    def __init__(
        self,
        storage: Storage,
        signer: LinkSigner,
        *,
        link_seconds: float,
        presign: Callable[[ObjectKey, float], str] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`presign` makes an address at the storage itself that works for some seconds, to send readers there."""
        self._storage = storage
        self._presign = presign
        self._signer = signer
        self._life = timedelta(seconds=link_seconds)
        self._clock = clock

    def upload(self, source: Path, *, filename: str, caller: Caller) -> StoredFile:
        """Keeps a copy of `source` for the caller. The bytes say what it is; of the name only a known suffix counts.

        Raises `WrongMediaType` for what is neither a picture, nor sound, nor a video.
        """
        with source.open("rb") as file:
            head = file.read(SNIFF_BYTES)
        if sniff_kind(head) == "other":
            what = with_article(sniff_media(head))
            raise WrongMediaType(f"The file is {what}: upload a picture, a recording or a video.")
        suffix = PurePath(filename).suffix.lower()
        key = upload_key(caller.account_id, uuid.uuid4().hex, suffix if suffix in MEDIA_TYPES else "")
        stored = self._storage.put(key, source)
        return StoredFile(key, stored.size, media_type_of(key))

    def link(self, key: str, *, base_url: str, expires_at: datetime | None = None) -> str:
        """An address that reads the file until it expires. Raises `ObjectNotFound` for what is no key."""
        end = self._clock() + self._life if expires_at is None else expires_at
        return base_url.rstrip("/") + self._signer.sign(parse_key(key), expires_at=end)

    def input_link(self, url: str, *, account_id: AccountId, base_url: str) -> InputLink:
        """How the owner of a task reads one of its inputs: a new link to a file that we keep for that account, however old the
        one in the request is; any other address as it is.
        """
        key = stored_key(url) or self._signer.key_from_url(url, ALWAYS)
        if key is None or key.split("/")[1] != account_id:  # a link that somebody else gave away is not made to last
            return InputLink(url, stored=False, available=True)
        try:
            self._storage.head(key)
        except ObjectNotFound:
            return InputLink(url, stored=True, available=False)
        _, mark, name = url.partition("#")
        return InputLink(self.link(key, base_url=base_url) + mark + name, stored=True, available=True)

    def name_of(self, url: str) -> str:
        """What an input may be called where it is shown: what follows the `#` in an address of ours, which is for whoever
        uploads to say, else the last part of the path. Empty for none.
        """
        if stored_key(url) is not None:
            return ""
        try:
            split = urlsplit(url)
        except ValueError:
            return ""
        ours = self._signer.key_from_url(url, ALWAYS) is not None
        name = split.fragment if ours else split.path.rpartition("/")[2]
        return "".join(letter for letter in unquote(name) if letter.isprintable())[:_LONGEST_NAME]

    def open(self, key: str, expires: str, signature: str) -> OpenFile:
        """The file behind a link's parts. Raises `NotAllowed` for a wrong or expired link, `ObjectNotFound`."""
        verified = self._signer.verify(key, expires, signature, self._clock())
        stored = self._storage.head(verified)
        elsewhere = ""
        if self._presign is not None:
            left = int(expires) - self._clock().timestamp()
            elsewhere = self._presign(verified, max(1.0, min(left, _ELSEWHERE_SECONDS)))
        return OpenFile(stored.key, stored.size, media_type_of(key), self._storage, elsewhere)


def media_type_of(key: str) -> str:
    """The content type to send a stored file with."""
    return MEDIA_TYPES.get(PurePath(key).suffix.lower(), _OTHER)
