"""What an `Authorization` header may hold: an API key, or the access token of a user who logged in from a program."""

from dataclasses import dataclass

from spark_avatar.accounts.bearer_secrets import mark_of
from spark_avatar.accounts.keys import Caller, KeyStore
from spark_avatar.accounts.tokens import ACCESS_MARK, TokenStore


@dataclass(frozen=True)
class Bearers:
    """Tells the kinds apart by their marks."""

    keys: KeyStore
    tokens: TokenStore

    def authenticate(self, secret: str, address: str = "") -> Caller:
        """Whose secret this is, shown from this address; raises `NotAuthenticated`."""
        if mark_of(secret) == ACCESS_MARK:
            return self.tokens.authenticate(secret)
        return self.keys.authenticate(secret, address)
