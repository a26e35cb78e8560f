"""What obstore raises, as errors of ours. Its texts carry addresses, keys and answers of the store: only the log gets them."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from spark_avatar.errors import StorageMisconfigured, StorageUnavailable

_NO_BUCKET: Final = "NoSuchBucket"
_REFUSED: Final = re.compile(r"status code: (401|403)\b")
_log = logging.getLogger(__name__)


@contextmanager
def told(*, bucket: bool = False) -> Iterator[None]:
    """Lets `FileNotFoundError` through, as that is about the object; with `bucket` it can only be about the bucket.

    Raises `StorageMisconfigured` for a bucket that is not there or that refuses the credentials, `StorageUnavailable` for all
    else.
    """
    try:
        yield
    except FileNotFoundError as missing:
        if bucket or _NO_BUCKET in str(missing):
            raise _no_bucket() from missing
        raise
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as refused:
        raise _no_access() from refused
    except (BaseError, OSError) as fault:
        if _NO_BUCKET in str(fault):
            raise _no_bucket() from fault
        if _REFUSED.search(str(fault)):  # of a listing, obstore has no exception of its own
            raise _no_access() from fault
        _log.warning("the storage failed", extra={"fault": str(fault).partition("\n")[0]})
        raise StorageUnavailable from fault


def _no_bucket() -> StorageMisconfigured:
    return StorageMisconfigured("The storage's bucket or folder is not there: make it, or mend SPARK_AVATAR_STORAGE_URL.")


def _no_access() -> StorageMisconfigured:
    return StorageMisconfigured("The storage refuses access: check its credentials and what they may do there.")
