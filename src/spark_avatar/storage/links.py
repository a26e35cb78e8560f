"""Signed links to stored files: whoever holds one may read that file until it expires, without an API key."""

import base64
import hmac
import math
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from spark_avatar.errors import NotAllowed, ObjectNotFound
from spark_avatar.storage.keys import parse_key
from spark_avatar.storage.storage import ObjectKey

LINK_PATH: Final = "/v1/files/"
"""What stands before the key in a link's path."""
_PURPOSE: Final = b"spark-avatar file link 1"
"""Keeps these signatures apart from any other made with the same secret."""

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any link expired."""


class LinkSigner:
    """Makes and checks links: HMAC-SHA256 (RFC 2104) over the key and the time of expiry."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, key: ObjectKey, *, expires_at: datetime) -> str:
        """The path and query of a link that works until `expires_at`, rounded up to the second."""
        expires = math.ceil(expires_at.timestamp())
        return f"{LINK_PATH}{quote(key)}?expires={expires}&signature={self._signature(key, expires)}"

    def verify(self, key: str, expires: str, signature: str, now: datetime) -> ObjectKey:
        """The key that a link's parts name. Raises `ObjectNotFound` where that could not be a key, `NotAllowed` where the
        signature is wrong or the link has expired.
        """
        parsed = parse_key(key)
        # The signature comes first: a forged link learns nothing about its expiry.
        moment = int(expires) if expires.isascii() and expires.isdigit() and len(expires) <= len("253402300799") else -1
        if not hmac.compare_digest(self._signature(parsed, moment).encode(), signature.encode(errors="surrogatepass")):
            raise NotAllowed("The link's signature is wrong: use the link as it was given.")
        if now.timestamp() >= moment:
            raise NotAllowed("The link has expired: ask for the task again to get a new one.")
        return parsed

    def key_from_url(self, url: str, now: datetime) -> ObjectKey | None:
        """The key that our own link names, whatever host it is reached by; None for any other URL, and for a link that
        is not valid, or not any more.
        """
        try:
            split = urlsplit(url)
            query = parse_qs(split.query, max_num_fields=8)
        except ValueError:
            return None
        _, mark, key = split.path.rpartition(LINK_PATH)
        if not mark:
            return None
        try:
            return self.verify(unquote(key), _only(query, "expires"), _only(query, "signature"), now)
        except (NotAllowed, ObjectNotFound):
            return None

    def _signature(self, key: str, expires: int) -> str:
        message = b"\n".join((_PURPOSE, key.encode(), str(expires).encode()))
        return base64.urlsafe_b64encode(hmac.digest(self._secret, message, "sha256")).rstrip(b"=").decode()


def _only(query: dict[str, list[str]], name: str) -> str:
    values = query.get(name, [])
    return values[0] if len(values) == 1 else ""
