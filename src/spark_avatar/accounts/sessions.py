"""Sessions: a user who has signed in with a browser, and the token that keeps other sites from using that."""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.users import Member
from spark_avatar.schemas.identity import AccountId

_FORGERY_PURPOSE: Final = b"spark-avatar csrf token 1"


@dataclass(frozen=True)
class SessionLife:
    """How long sessions last."""

    longest: timedelta = timedelta(days=14)
    """From signing in to the end, whatever happens between."""
    idle: timedelta = timedelta(hours=24)
    """Without a request."""


@dataclass(frozen=True)
class Session:
    """What is known of a session; its secret, which the cookie holds, is not. Times are in UTC."""

    id: str
    user_id: str
    account_id: AccountId
    """The workspace that the user looks at."""
    created_at: datetime
    expires_at: datetime
    seen_at: datetime
    """The last request, to the minute."""
    address: str
    user_agent: str


@dataclass(frozen=True)
class SignedIn:
    """A live session with its user, as a member of the session's workspace."""

    session: Session
    member: Member

    @property
    def caller(self) -> Caller:
        """Who makes the requests of this session."""
        user = self.member.user
        return Caller(
            account_id=self.session.account_id,
            key_id=f"session:{user.id}",
            key_name=user.name,
            scopes=self.member.role.scopes,
            user_id=user.id,
            role=self.member.role,
            operator=user.operator,
            session_id=self.session.id,
        )


class SessionStore(Protocol):
    """Keeps sessions."""

    def open(self, user_id: str, account: str, *, address: str, user_agent: str) -> tuple[Session, str]:
        """A new session and its secret, for the cookie."""
        ...

    def find(self, secret: str) -> SignedIn:
        """The live session of this secret. Raises `NotAuthenticated` when it is unknown, ended or expired, and when the user
        has been disabled or is no member of the workspace any more.
        """
        ...

    def move(self, session_id: str, account: str) -> None:
        """Lets the user look at another workspace."""
        ...

    def end(self, session_id: str, user_id: str) -> bool:
        """Ends one session of the user; whether there was one."""
        ...

    def end_all(self, user_id: str, *, but: str | None = None) -> int:
        """Ends all sessions of the user, one may be left out; returns how many."""
        ...

    def of_user(self, user_id: str) -> list[Session]:
        """The user's live sessions, the newest first."""
        ...

    def sweep(self) -> int:
        """Forgets sessions that have expired; returns how many."""
        ...


def csrf_token(secret: str) -> str:
    """What a page shows with every change it asks for. It follows from the session's secret, which no page can read, so
    another site cannot know it, and nothing needs to be stored.
    """
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), _FORGERY_PURPOSE, "sha256")).rstrip(b"=").decode()


def is_csrf_token(token: str, secret: str) -> bool:
    """Whether this is the session's token, found out in constant time."""
    return hmac.compare_digest(token.encode(errors="surrogatepass"), csrf_token(secret).encode())
