"""The syntax of addresses. Where parsers disagree about one, it is refused."""

import re
from typing import Final, Protocol

import httpx

from spark_avatar.errors import InputError
from spark_avatar.service.addresses import is_misspelt_ipv4

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FORBIDDEN: Final = frozenset(map(chr, (*range(33), 127))) | {"\\"}
"""Control characters, the space and the backslash."""
_USUAL: Final = re.compile(r"https?://(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,}(?:/[A-Za-z0-9._~/-]*)?(?:\?[A-Za-z0-9._~=&-]*)?")
"""Addresses of which there can be no two opinions: most are of this form."""


class UrlFaults(Protocol):
    """Makes the error of an address that cannot be used."""

    def invalid(self, reason: str) -> InputError:
        """The error, for this reason."""
        ...


def is_data_url(url: str) -> bool:
    """Whether the file stands in the URL itself."""
    return url[:5].lower() == "data:"


def check_url(url: str, faults: UrlFaults) -> None:
    """Raises what `parse_url` raises."""
    if not _USUAL.fullmatch(url):
        parse_url(url, faults)


def parse_url(url: str, faults: UrlFaults) -> httpx.URL:
    """An http or https address. Raises the input's `...UrlInvalid` for any other, for malformed ones, and for those with a
    user name or password. Nothing is resolved.
    """
    if any(character in _FORBIDDEN for character in url):
        raise faults.invalid("contains a space, a backslash or a control character: percent-encode it")
    try:
        parsed = httpx.URL(url)
        port = parsed.port
    except (httpx.InvalidURL, ValueError):
        raise faults.invalid("is not a well-formed address: write https://host/path") from None
    host = parsed.raw_host.decode("ascii", "replace")
    if parsed.scheme not in DEFAULT_PORTS or not host:
        raise faults.invalid("must begin with http://, https:// or data:, and name a host")
    if parsed.userinfo:
        raise faults.invalid("holds a user name or password: give an address that works without one")
    if port is not None and not 0 < port < 65536:
        raise faults.invalid("names a port that does not exist")
    if "%" in host or is_misspelt_ipv4(host):
        raise faults.invalid("names its host in an unusual spelling: write a host name, or an address in its usual form")
    return parsed
