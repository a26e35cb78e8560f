"""What an operator says of the ComfyUI servers. Light to import."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from spark_avatar.engines.reach import Reach, nowhere_else
from spark_avatar.errors import ConfigurationError

FAMILY: Final = "comfyui"
"""Stands for the engines of all workflows."""
ENGINE_PREFIX: Final = f"{FAMILY}."
"""Before a workflow's id: the engine's name."""
DEFAULT_RATE: Final = 10.0
"""Compute units per second of execution: the unit is a tenth of a second, as for the engine that runs here."""
_EXPECTED: Final = "http://host:8188, or http://host:8188#rate=20&concurrency=2"


@dataclass(frozen=True)
class ServerAddress:
    """One server."""

    url: str
    """Without a trailing slash."""
    rate: float = DEFAULT_RATE
    """Compute units per second of execution."""
    concurrency: int = 1
    """Jobs that we have there at once. ComfyUI runs one at a time; a second one waits in its queue."""


@dataclass(frozen=True)
class ComfyConfiguration:
    """The servers, and how they are used."""

    servers: tuple[ServerAddress, ...]
    state_dir: Path
    """Where the worker processes of this machine keep the locks of the servers' places."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent to these servers and nobody else, over HTTP and websocket."""
    job_seconds: float = 1500.0
    """From the search for a server to the end of the job."""
    patience_seconds: float = 30.0
    """How long a job waits for a first server to answer at all: one that is being started anew costs no task."""
    poll_seconds: float = 1.0
    answer_seconds: float = 30.0
    """How long the next bytes of an answer may take."""
    silent_seconds: float = 120.0
    """A server that accepts connections and says nothing for so long is taken for dead. Heavy nodes keep it from answering
    for many seconds, so this is long."""
    reach: Reach = nowhere_else
    """Where, besides these servers, they may send us for a file."""


Drained = Callable[[str], bool]
"""Whether the server at an address is to get no new jobs."""


def none_is_drained(url: str) -> bool:
    """Where nobody keeps such a list."""
    del url
    return False


def parse_servers(addresses: Sequence[str]) -> tuple[ServerAddress, ...]:
    """Raises `ConfigurationError` for an address that cannot be used."""
    return tuple(_parse(address) for address in addresses)


def _parse(address: str) -> ServerAddress:
    try:
        parts = urlsplit(address.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("not an http address")
        given = dict(parse_qsl(parts.fragment, strict_parsing=True)) if parts.fragment else {}
        rate, concurrency = float(given.pop("rate", DEFAULT_RATE)), int(given.pop("concurrency", 1))
        if given or not 0 <= rate < 1e9 or concurrency < 1:
            raise ValueError("unknown or impossible settings")
    except ValueError as error:
        raise ConfigurationError(f"SPARK_AVATAR_COMFYUI_URLS has an address that cannot be used: write {_EXPECTED}") from error
    return ServerAddress(urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), rate, concurrency)
