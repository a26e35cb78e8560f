"""S3's own multipart uploads, for parts that are sent out of order: obstore sends them one after another only.

This asks S3 through botocore, which is loaded with the first upload. Both libraries find credentials, region and endpoint in the
same places of the environment; what only obstore looks for is asked for here under the same names.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final

from obstore.store import ObjectStore, S3Store

from spark_avatar.errors import StorageUnavailable
from spark_avatar.storage.clouds import attributes_of
from spark_avatar.storage.keys import KINDS
from spark_avatar.storage.parts import PartedUpload
from spark_avatar.storage.storage import ObjectKey

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
_TRIES: Final = 3
"""Few: who sends parts has another way."""
_CONNECTIONS: Final = 4
_REFUSALS: Final = frozenset({"InvalidPart", "EntityTooSmall", "InvalidRequest", "NotImplemented"})
_LEFT_BEHIND: Final = timedelta(days=1)
"""S3 tells when an upload began, not when its last part came."""
_ENVIRONMENT: Final = {
    "endpoint": (None, ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"], None, None),
    "region": (None, ["AWS_REGION", "AWS_DEFAULT_REGION"], "us-east-1", None),
    "ServerSideEncryption": (None, "AWS_SERVER_SIDE_ENCRYPTION", None, None),
    "SSEKMSKeyId": (None, "AWS_SSE_KMS_KEY_ID", None, None),
    # Files of profiles are botocore's alone.
    "config_file": (None, None, None, None),
    "credentials_file": (None, None, None, None),
    "profile": (None, None, None, None),
    "elsewise": (
        None,
        [
            *("AWS_CHECKSUM_ALGORITHM", "AWS_REQUEST_PAYER", "AWS_S3_EXPRESS", "AWS_SKIP_SIGNATURE", "AWS_TOKEN"),
            *("AWS_SSE_BUCKET_KEY_ENABLED", "AWS_SSE_CUSTOMER_KEY_BASE64", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
        ],
        None,
        None,
    ),
}
"""As botocore's `session_vars`: the names in the environment, and what holds without them."""
_log = logging.getLogger(__name__)


@dataclass
class S3Parts:
    """A `PartedStorage` in a bucket, for keys below a prefix."""

    bucket: str
    prefix: str
    refused: bool = False
    """The store did not take parts of different sizes, as some do not: no more are sent to it."""

    def begin(self, key: ObjectKey) -> PartedUpload:
        """With the content type and the encryption that `ObjectStorage.put` gives. Raises `StorageUnavailable`, also for
        settings that are not understood here.
        """
        place = {"Bucket": self.bucket, "Key": self.prefix + key}
        with _told():
            if self.refused or self._session.get_config_variable("elsewise") is not None:
                raise StorageUnavailable
            wanted = {name: self._session.get_config_variable(name) for name in ("ServerSideEncryption", "SSEKMSKeyId")}
            described = {name.replace("-", ""): value for name, value in (attributes_of(key) or {}).items()}
            given = {name: value for name, value in wanted.items() if value is not None}
            began = self.client.create_multipart_upload(**place, **described, **given)
        return _Upload(self, {**place, "UploadId": began["UploadId"]})

    def sweep(self, prefix: str, *, older_than: timedelta) -> int:
        """Forgets what uploads of dead processes sent, of keys under a prefix; returns how many there were. Those that began in
        the last day are left alone, unless `older_than` is 0. A store that does not list its unfinished uploads, or not to us, is
        left to its lifecycle rule.
        """
        latest = datetime.now(UTC) - max(older_than, _LEFT_BEHIND) if older_than else None
        removed = 0
        try:
            for found in self._unfinished(self.prefix + prefix):
                if latest is None or found["Initiated"] <= latest:
                    _Upload(self, {"Bucket": self.bucket, "Key": found["Key"], "UploadId": found["UploadId"]}).abort()
                    removed += 1
        except StorageUnavailable:
            _log.info("unfinished uploads are left to the bucket's lifecycle rule")
        return removed

    def _unfinished(self, prefix: str) -> Iterator[dict[str, Any]]:
        with _told():
            for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix):
                for found in page.get("Uploads", ()):
                    if found["Key"].removeprefix(self.prefix).partition("/")[0] in KINDS:
                        yield found

    @cached_property
    def _session(self) -> Any:
        from botocore.session import Session

        return Session(session_vars=_ENVIRONMENT)

    @cached_property
    def client(self) -> Any:
        """Botocore's."""
        from botocore.config import Config

        how = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            max_pool_connections=_CONNECTIONS,
            ignore_configured_endpoint_urls=True,
            # As obstore asks: any store knows these.
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        asked = self._session.get_config_variable
        return self._session.create_client("s3", region_name=asked("region"), endpoint_url=asked("endpoint"), config=how)


def parts_of(store: ObjectStore) -> S3Parts | None:
    """Where the store is S3's, and botocore is installed."""
    if not isinstance(store, S3Store) or find_spec("botocore") is None:
        return None
    return S3Parts(store.config["bucket"], f"{store.prefix}/" if store.prefix else "")


@dataclass(frozen=True)
class _Upload:
    storage: S3Parts
    place: dict[str, str]
    tags: dict[int, str] = field(default_factory=dict)
    """By number."""

    def send(self, number: int, content: bytes) -> None:
        with _told():
            self.tags[number] = self.storage.client.upload_part(**self.place, PartNumber=number, Body=content)["ETag"]

    def complete(self) -> None:
        from botocore.exceptions import ClientError

        parts = [{"PartNumber": number, "ETag": self.tags[number]} for number in sorted(self.tags)]
        with _told():
            try:
                self.storage.client.complete_multipart_upload(**self.place, MultipartUpload={"Parts": parts})
            except ClientError as fault:
                self.storage.refused = fault.response["Error"]["Code"] in _REFUSALS
                raise

    def abort(self) -> None:
        client = self.storage.client
        with _told(), suppress(client.exceptions.NoSuchUpload):
            client.abort_multipart_upload(**self.place)


@contextmanager
def _told() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        _log.warning("the storage failed", extra={"fault": str(fault)})
        raise StorageUnavailable from fault
