"""What an operator says of the other server. Light to import."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from spark_avatar.engines.reach import Reach, nowhere_else
from spark_avatar.errors import ConfigurationError

NAME: Final = "remote"
"""Of the engine."""


@dataclass(frozen=True)
class RemoteConfiguration:
    """Which server, and how it is used."""

    url: str
    """Without a trailing slash."""
    key: str = field(repr=False)
    model: str
    """The model that is asked for there."""
    job_seconds: float = 1500.0
    poll_seconds: float = 0.5
    """To the second look; later ones come more slowly, up to ten times."""
    reach: Reach = nowhere_else
    """Where, besides that server, its videos may lie."""


def parse_url(url: str) -> str:
    """The server's address without a trailing slash. Raises `ConfigurationError`."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ConfigurationError("SPARK_AVATAR_REMOTE_URL cannot be used: write https://host, without a path of the API")
    return url.strip().rstrip("/")
