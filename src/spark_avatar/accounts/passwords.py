"""Passwords: argon2id (RFC 9106), and no rules but a length."""

import os
import threading
from base64 import b64encode
from typing import Final

from argon2 import Parameters, PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from spark_avatar.errors import InvalidOptions

SHORTEST: Final = 10
LONGEST: Final = 1024
"""Characters. A longer one would only cost time."""
_AT_ONCE: Final = 2
"""Passwords hashed at the same time: each takes 64 MiB and up to four cores."""


class Passwords:
    """Makes and checks the hashes; safe to call from several threads."""

    def __init__(self, parameters: Parameters = profiles.RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = _of_nobody(parameters)

    def hash(self, password: str) -> str:
        """The hash that is kept; raises `InvalidOptions` for a password that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidOptions(f"A password must have {SHORTEST} to {LONGEST} characters, but it has {len(password)}.")
        with self._turn:
            return self._hasher.hash(_bytes(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether this is the password of the hash; never where there is none, which takes as long to find out."""
        with self._turn:
            try:
                self._hasher.verify(kept or self._nobodys, _bytes(password[: LONGEST + 1]))
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than these, and should be made anew at the next sign-in."""
        return self._hasher.check_needs_rehash(kept)


def _of_nobody(parameters: Parameters) -> str:
    """The hash that no password has, to be checked where there is no user: so a refusal takes the same time. It is made up, as
    hashing would cost every start 0.2 s.
    """
    cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    salt, tag = (b64encode(os.urandom(length)).decode().rstrip("=") for length in (parameters.salt_len, parameters.hash_len))
    return f"$argon2id$v={parameters.version}${cost}${salt}${tag}"


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")
