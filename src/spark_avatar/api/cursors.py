"""Places in a list, as words without a meaning to others."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from spark_avatar.errors import MalformedRequest

_FORM: Final = re.compile(r"(\d{1,17})\.([!-~]{1,128})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def write_cursor(moment: datetime, name: str) -> str:
    """The place behind what has this time and this id."""
    text = f"{(moment - _EPOCH) // _MICROSECOND}.{name}"
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """The reverse of `write_cursor`; raises `MalformedRequest` for what is no cursor."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        match = _FORM.fullmatch(text)
        if match is not None:
            return _EPOCH + int(match.group(1)) * _MICROSECOND, match.group(2)
    except (binascii.Error, ValueError, OverflowError):
        pass
    raise MalformedRequest("`after` must be the `next` of an earlier answer.")
