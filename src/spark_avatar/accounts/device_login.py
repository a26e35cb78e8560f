"""Logging in from a terminal, after RFC 8628 (OAuth 2.0 Device Authorization Grant) with a proof of possession: the program
shows a short code, a signed-in person approves it on a page, and the program proves at every question, with a key that it
made for this login, that it is the one that asked.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from spark_avatar.errors import MalformedRequest, ProofRefused
from spark_avatar.schemas.identity import AccountId

LIFE: Final = timedelta(minutes=10)
"""From the code to its approval and the tokens."""
SKEW: Final = timedelta(minutes=5)
"""How far the clock of a proof may be off."""
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words come up, and nothing that looks like a digit (RFC 8628, 6.1)."""
_CODE_LETTERS: Final = 8
"""20**8 codes, which is 34 bits: enough for ten minutes and a few guesses."""
_CLIENT_ID: Final = re.compile(r"[ -~]{1,64}")
_KEY_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PROOF_FORMS: Final = tuple(map(re.compile, (r"[A-Za-z0-9_-]{1,128}", r"[0-9]{1,11}", r"[!-~]{1,128}", r"[A-Za-z0-9_-]{86}")))
"""Of device code, timestamp, nonce and signature."""

State = Literal["pending", "approved", "expired"]


@dataclass(frozen=True)
class DeviceLogin:
    """One login that was begun. The device's code is known to the device alone; its hash stands here."""

    device_code_hash: str
    user_code: str
    client_id: str
    """What the program calls itself: shown to the person, and true only as far as they trust it."""
    client_public_key: str
    address: str
    created_at: datetime
    expires_at: datetime
    user_id: str | None = None
    account_id: AccountId | None = None
    approved_at: datetime | None = None
    denied_at: datetime | None = None
    claimed_at: datetime | None = None

    def state(self, now: datetime) -> State:
        """Where it stands. One that was denied, or whose tokens were taken, is as good as expired."""
        if now >= self.expires_at or self.denied_at is not None or self.claimed_at is not None:
            return "expired"
        return "pending" if self.approved_at is None else "approved"


@dataclass(frozen=True)
class Proof:
    """What a program shows at every question: a signature over code, time and a word that it never used before.

    Raises `ProofRefused` for what cannot be one.
    """

    device_code: str
    timestamp: str
    """Unix seconds."""
    nonce: str
    signature: str
    """Unpadded base64url of 64 bytes."""

    def __post_init__(self) -> None:
        texts = (self.device_code, self.timestamp, self.nonce, self.signature)
        if not all(form.fullmatch(text) for form, text in zip(_PROOF_FORMS, texts, strict=True)):
            raise ProofRefused

    def check(self, public_key: str, now: datetime) -> None:
        """Raises `ProofRefused` where the signature is not by this key, or the time is more than `SKEW` off."""
        digest = sha256(f"{self.device_code}:{self.timestamp}:{self.nonce}".encode()).digest()
        try:
            Ed25519PublicKey.from_public_bytes(_unpadded(public_key)).verify(_unpadded(self.signature), digest)
        except (InvalidSignature, ValueError):
            raise ProofRefused from None
        # The signature comes first: whoever has no key learns nothing about our clock.
        if abs(now - datetime.fromtimestamp(int(self.timestamp), UTC)) > SKEW:
            raise ProofRefused("The proof's timestamp is more than 5 minutes off: set the clock, and sign anew.")


class DeviceLoginStore(Protocol):
    """Keeps logins from their begin until some time after their end."""

    def add(self, login: DeviceLogin) -> bool:
        """Stores a new login; False where another one has its user code."""
        ...

    def by_device_code(self, device_code_hash: str) -> DeviceLogin | None:
        """The login of this device."""
        ...

    def by_user_code(self, user_code: str) -> DeviceLogin | None:
        """The login that shows this code."""
        ...

    def note_proof(self, device_code_hash: str, nonce: str, *, now: datetime, interval: timedelta) -> None:
        """Remembers a proof. Raises `ProofRefused` for one that was seen before, and `SlowDown`, without remembering it, when
        the last one is younger than the interval.
        """

    def answer(self, user_code: str, *, user_id: str, account_id: AccountId, approved: bool, now: datetime) -> bool:
        """A person approves or denies; False when the login is not pending any more. Of several answers the first counts."""
        ...

    def claim(self, device_code_hash: str, *, now: datetime) -> bool:
        """Takes what was approved; True for one caller only."""
        ...

    def forget(self, *, expired_before: datetime) -> int:
        """Removes logins that expired before the moment, and their proofs; returns how many."""
        ...


def new_device_code() -> str:
    """256 random bits that only the device gets."""
    return secrets.token_urlsafe(32)


def new_user_code() -> str:
    """A code to be read out and typed: `BCDF-GHJK`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    return f"{letters[:4]}-{letters[4:]}"


def read_user_code(typed: str) -> str | None:
    """The code that a person typed, in whatever case and with whatever between; None for what cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    if len(typed) > 4 * _CODE_LETTERS or len(letters) != _CODE_LETTERS or not set(letters) <= set(_LETTERS):
        return None
    return f"{letters[:4]}-{letters[4:]}"


def check_client(client_id: str, client_public_key: str) -> None:
    """Raises `MalformedRequest` where a login cannot begin with these."""
    if not _CLIENT_ID.fullmatch(client_id) or not client_id.strip():
        raise MalformedRequest("`client_id` must be 1 to 64 visible ASCII characters: the name of the program.")
    try:
        if not _KEY_FORM.fullmatch(client_public_key):
            raise ValueError("not 32 bytes")
        Ed25519PublicKey.from_public_bytes(_unpadded(client_public_key))
    except (ValueError, binascii.Error):
        raise MalformedRequest("`client_public_key` must be a raw Ed25519 key: 32 bytes in unpadded base64url.") from None


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
