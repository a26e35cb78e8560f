"""Secrets that machines hold: random, marked by their kind, and kept as hashes only."""

import re
import secrets
import string
from hashlib import sha256
from typing import Final

KEY_MARK: Final = "sk-spark-"
"""Begins an API key. Marks let people and secret scanners recognise a secret, and the server tell the kinds apart."""
SESSION_MARK: Final = "ss-spark-"
"""Begins what a session's cookie holds."""
INVITATION_MARK: Final = "iv-spark-"
"""Begins the code of an invitation."""

_ALPHABET: Final = string.ascii_letters + string.digits
_RANDOM_LETTERS: Final = 43
"""43 letters of 62 hold 256 bits."""
_FORM: Final = re.compile(rf"[a-z]{{2}}-spark-[A-Za-z0-9]{{{_RANDOM_LETTERS}}}")
_SHOWN_LETTERS: Final = 8
"""How many of them the prefix shows: enough to tell keys apart, and 208 bits stay unknown."""


def new_secret(mark: str) -> str:
    """A secret of 256 random bits behind its mark."""
    return mark + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LETTERS))


def is_secret(text: str, mark: str) -> bool:
    """Whether this has the form of such a secret."""
    return text.startswith(mark) and _FORM.fullmatch(text) is not None


def mark_of(text: str) -> str | None:
    """The mark of what has the form of a secret."""
    return text[:-_RANDOM_LETTERS] if _FORM.fullmatch(text) is not None else None


def prefix_of(secret: str) -> str:
    """The part of a secret that may be shown."""
    return secret[: _SHOWN_LETTERS - _RANDOM_LETTERS]


def hash_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal. A slow, salted hash protects passwords because people choose guessable ones;
    nobody can guess 256 random bits, so a fast hash protects them as well, and costs nothing on every request.
    """
    return sha256(secret.encode()).hexdigest()
