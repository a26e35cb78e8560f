"""API keys: what a caller shows, and where keys are kept."""

import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol

from spark_avatar.schemas.identity import AccountId

KEY_MARK: Final = "sk-spark-"
"""Marks our secrets, so that people and secret scanners recognise one."""
_ALPHABET = string.ascii_letters + string.digits
_RANDOM_LETTERS = 43
"""43 letters of 62 hold 256 bits."""
_SECRET_FORM = re.compile(rf"{KEY_MARK}[A-Za-z0-9]{{{_RANDOM_LETTERS}}}")
_SHOWN_LETTERS = 8
"""How many of them the prefix shows: enough to tell keys apart, and 208 bits stay unknown."""


@dataclass(frozen=True)
class Caller:
    """Who makes a request: the account, and the key that proved it."""

    account_id: AccountId
    key_id: str
    key_name: str


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; its secret is not. Times are in UTC."""

    id: str
    name: str
    prefix: str
    """The start of the secret, for recognising it."""
    account_id: AccountId
    created_at: datetime
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None


class KeyStore(Protocol):
    """Keeps API keys."""

    def create(self, name: str, *, account: str = "default") -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once and kept nowhere. Makes the account where there is none.
        Raises `InvalidOptions` for an empty name, or an account that is not 1-64 letters, digits, `.`, `_` or `-`.
        """
        ...

    def authenticate(self, secret: str) -> Caller:
        """Whose secret this is; raises `NotAuthenticated` when it is unknown or revoked."""
        ...

    def revoke(self, id_or_prefix_or_name: str) -> list[ApiKey]:
        """Ends every live key that has this id, prefix or name, at once; returns those ended. Empty when there is none."""
        ...

    def list(self, account: str | None = None) -> list[ApiKey]:
        """The account's keys, or all, oldest first, revoked ones too."""
        ...


def new_secret() -> str:
    """A secret of 256 random bits."""
    return KEY_MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LETTERS))


def is_secret(text: str) -> bool:
    """Whether this has the form of a secret."""
    return _SECRET_FORM.fullmatch(text) is not None


def prefix_of(secret: str) -> str:
    """The part of a secret that may be shown."""
    return secret[: len(KEY_MARK) + _SHOWN_LETTERS]


def hash_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal. A slow, salted hash protects passwords because people choose guessable ones;
    nobody can guess 256 random bits, so a fast hash protects them as well, and costs nothing on every request.
    """
    return sha256(secret.encode()).hexdigest()
