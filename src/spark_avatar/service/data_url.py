"""`data:` URLs (RFC 2397): the file stands in the URL itself. The type it claims is not looked at; the bytes tell."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from spark_avatar.service.faults import InputFaults

_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_SPACE = re.compile(rb"\s+")


def decode_data_url(url: str, faults: InputFaults) -> bytes:
    """The bytes of a base64 or percent-encoded `data:` URL.

    Raises the input's errors for a malformed URL, too many bytes and none.
    """
    header, comma, payload = url[5:].partition(",")
    if not comma:
        raise faults.invalid("is a data: URL without a comma: write data:image/jpeg;base64,... ")
    is_base64 = header.rstrip().lower().endswith(";base64")
    # Decoding never makes it longer, and base64 takes a quarter off: what is certainly too much is not decoded.
    least = len(payload) // 4 * 3 - 3 if is_base64 and "%" not in payload else 0
    if least > faults.limit_bytes:
        raise faults.too_large(least)
    content = _base64(payload, faults) if is_base64 else _percent_decoded(payload, faults)
    if len(content) > faults.limit_bytes:
        raise faults.too_large(len(content))
    if not content:
        raise faults.empty()
    return content


def _percent_decoded(payload: str, faults: InputFaults) -> bytes:
    if _PERCENT.search(payload):
        raise faults.invalid("is a data: URL with a broken percent escape: encode the bytes anew, best as base64")
    return unquote_to_bytes(payload)


def _base64(payload: str, faults: InputFaults) -> bytes:
    text = _percent_decoded(payload, faults) if "%" in payload else payload.encode("utf-8", "replace")
    text = _SPACE.sub(b"", text).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise faults.invalid("is a data: URL whose base64 is damaged or cut short: encode the file anew") from None
