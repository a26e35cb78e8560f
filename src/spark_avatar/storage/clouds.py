"""S3, Google Cloud Storage and Azure: how they are opened, how long they are waited for, and addresses of their own.

An upload of more than 5 MiB goes up in parts, four at a time, so that it needs 20 MiB whatever its size. It begins when the file
is finished: an MP4 that starts to play before it has arrived carries its index in front, and that is known last.
"""

import mimetypes
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from spark_avatar.errors import ConfigurationError
from spark_avatar.storage.storage import ObjectKey

if TYPE_CHECKING:
    from obstore import Attributes, SignCapableStore
    from obstore.store import ClientConfig, RetryConfig

SCHEMES: Final = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})
RETRY_SECONDS: Final = 120.0
_MOST_RETRIES: Final = 1000
"""Time is the limit, not the count: a refusal costs milliseconds, a silence half a minute."""
_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
"""For one request: a part of 5 MiB at 1.4 Mbit/s."""
_CHECK_SECONDS: Final = 5


def open_cloud(url: str, *, retry_seconds: float) -> ObjectStore:
    """The store behind a URL; 0 asks once, for a few seconds. Raises `ConfigurationError`; asks nobody."""
    scheme, _, _ = url.partition("://")
    if scheme not in SCHEMES:
        raise ConfigurationError("SPARK_AVATAR_STORAGE_URL must be a folder, `s3://...`, `gs://...` or `az://...`.")
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "timeout": timedelta(seconds=_ANSWER_SECONDS if retry_seconds else _CHECK_SECONDS),
        "allow_http": True,  # clouds are asked by https; an endpoint of the operator's own says which it wants
    }
    retry: RetryConfig = {
        "max_retries": _MOST_RETRIES if retry_seconds else 0,
        "retry_timeout": timedelta(seconds=retry_seconds),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    try:
        return from_url(url, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as unusable:
        raise ConfigurationError(f"The {scheme} storage cannot be opened: its URL or settings are wrong.") from unusable


def presign(store: ObjectStore, key: ObjectKey, life: timedelta) -> str:
    """An address that reads the object for so long, at the cloud itself."""
    return obstore.sign(cast("SignCapableStore", store), "GET", key, life)


def attributes_of(key: ObjectKey) -> "Attributes | None":
    """What the cloud is to say of an object to those who read it there."""
    media_type, _ = mimetypes.guess_type(key)
    return {"Content-Type": media_type} if media_type is not None else None
