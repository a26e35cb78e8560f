"""Signing in at another house: the provider proves who somebody is, we decide what they may do."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Handshake:
    """What the browser keeps while its user is at the provider. Whoever comes back without it did not set out from here."""

    state: str
    """Comes back unchanged (RFC 6749, 10.12)."""
    nonce: str
    """Stands in the ID token."""
    verifier: str
    """Proves that who redeems the code is who asked for it (RFC 7636)."""


@dataclass(frozen=True)
class Identity:
    """Whom the provider has proven."""

    subject: str
    email: str
    """An address that the provider has verified."""
    name: str


class IdentityProvider(Protocol):
    """One provider."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def begin(self, callback: str) -> tuple[str, Handshake]:
        """Where to send the browser, and what it keeps until it comes back to `callback`. Raises `ProviderFailed`."""
        ...

    def finish(self, handshake: Handshake, *, state: str, code: str, callback: str) -> Identity:
        """Who has come back with this code. Raises `ProviderFailed`, and `NotAuthenticated` for a state that is not the
        browser's, no code, an ID token that is not for us, or an address that the provider has not verified.
        """
        ...
