"""Tokens of people who logged in from a program: a short-lived one for access, and a longer one that gets the next pair.

A refresh token works once (RFC 9700, 4.14.2: rotation). Whoever shows one again has stolen it, or was stolen from; nobody can
tell which, so all tokens of that login end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from spark_avatar.accounts.bearer_secrets import new_secret
from spark_avatar.accounts.keys import Caller
from spark_avatar.schemas.identity import AccountId

ACCESS_MARK: Final = "at-spark-"
"""Begins an access token."""
REFRESH_MARK: Final = "rt-spark-"
"""Begins a refresh token."""
ACCESS_LIFE: Final = timedelta(hours=1)
REFRESH_LIFE: Final = timedelta(days=30)


@dataclass(frozen=True)
class TokenPair:
    """Two secrets, shown this once."""

    access_token: str
    refresh_token: str
    expires_in: int = int(ACCESS_LIFE.total_seconds())
    """Seconds that the access token works."""


class TokenStore(Protocol):
    """Keeps tokens, as hashes."""

    def issue(self, *, user_id: str, account_id: AccountId) -> TokenPair:
        """The first pair of a login. Raises `NotAuthenticated` where the user is disabled, or no member of the account."""
        ...

    def authenticate(self, access_token: str) -> Caller:
        """The user it stands for. Raises `NotAuthenticated` where it is unknown, expired or revoked, and where the user has
        been disabled or is no member of the account any more.
        """
        ...

    def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair; the token is used up. Raises `NotAuthenticated`; a token that was used before ends its whole login."""
        ...

    def revoke(self, token: str) -> None:
        """Ends the login that the token, of either kind, came from; nothing happens for an unknown one."""

    def end_user(self, user_id: str) -> None:
        """Ends all logins of the user."""
        ...

    def forget(self, *, expired_before: datetime) -> int:
        """Removes tokens that expired before the moment; returns how many."""
        ...


def new_pair() -> TokenPair:
    """Two new secrets."""
    return TokenPair(new_secret(ACCESS_MARK), new_secret(REFRESH_MARK))
