"""How often somebody may try a password: after a few wrong ones the waits grow."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final, Protocol

MEMORY: Final = timedelta(hours=24)
"""Without an attempt for so long, those before are forgotten."""


@dataclass(frozen=True)
class Patience:
    """How many attempts are free, and how the waits between further ones grow."""

    free: int
    longest: timedelta
    """Waits double from one second up to this."""

    def wait(self, attempts: int) -> timedelta:
        """Between the last of so many attempts and the next."""
        beyond = attempts - self.free
        if beyond < 0:
            return timedelta(0)
        return min(self.longest, timedelta(seconds=2 ** min(beyond, 20)))


OF_ADDRESS: Final = Patience(free=100, longest=timedelta(minutes=15))
"""Of a network address, whatever users it tries. A whole office may share one: its slips of a day are not an attack yet."""
OF_USER: Final = Patience(free=5, longest=timedelta(minutes=1))
"""Of a user, from whatever address: never so long that a stranger could keep the user out."""


@dataclass(frozen=True)
class Subject:
    """What attempts are counted for. Only its hash is kept: what was guessed must not stand in the database."""

    kind: str
    name: str
    patience: Patience

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal."""
        return sha256(f"{self.kind}\0{self.name}".encode(errors="surrogatepass")).hexdigest()


class SignInAttempts(Protocol):
    """Counts attempts."""

    def begin(self, *subjects: Subject) -> None:
        """Counts an attempt before its password is looked at, so that many at once get no further than one after another.
        Raises `RateLimited` where one of the subjects must wait; then nothing is counted.
        """
        ...

    def succeed(self, *subjects: Subject) -> None:
        """The attempt was right: it does not count, and the user's earlier ones do not any more."""
        ...

    def sweep(self) -> int:
        """Forgets old attempts; returns for how many subjects."""
        ...
