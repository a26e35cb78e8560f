"""Signing in and out with a password."""

import logging
from dataclasses import dataclass, replace

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.passwords import Passwords
from spark_avatar.accounts.sessions import Session, SessionStore, SignedIn
from spark_avatar.accounts.sign_in_attempts import OF_ADDRESS, OF_USER, SignInAttempts, Subject
from spark_avatar.accounts.tokens import TokenStore
from spark_avatar.accounts.users import User, UserStore
from spark_avatar.errors import NotAllowed, NotAuthenticated, NotFound

_WRONG = "The e-mail address or the password is wrong."
_NEEDS_SESSION = "This needs a signed-in user: an API key cannot do it."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Visitor:
    """Where somebody who signs in comes from."""

    address: str
    network: str
    """Whom the address stands for when attempts are counted."""
    user_agent: str
    request_id: str

    @property
    def actor(self) -> Actor:
        """As the audit log names somebody who has not signed in."""
        return Actor(address=self.address or None, request_id=self.request_id)


@dataclass(frozen=True)
class SignInService:
    """The sessions of users. The calls block, for some tenths of a second where a password is checked."""

    users: UserStore
    sessions: SessionStore
    attempts: SignInAttempts
    passwords: Passwords
    tokens: TokenStore
    audit: AuditLog

    def sign_in(self, email: str, password: str, visitor: Visitor, *, old_secret: str | None = None) -> tuple[SignedIn, str]:
        """A new session and its secret; the one that the browser had ends. Raises `NotAuthenticated`, `RateLimited` after too
        many attempts, and `NotAllowed` for a user without a workspace. Nobody learns whether there is such a user.
        """
        user = self.prove(email, password, visitor)
        return self.open(user, visitor, old_secret=old_secret)

    def prove(self, email: str, password: str, visitor: Visitor) -> User:
        """The user whose password this is; raises `NotAuthenticated` and `RateLimited`."""
        email = email.strip().lower()
        subjects = (Subject("address", visitor.network, OF_ADDRESS), Subject("user", email, OF_USER))
        self.attempts.begin(*subjects)
        found = self.users.find(email)
        user, kept = found if found is not None else (None, None)
        if not self.passwords.matches(password, kept) or user is None or user.disabled_at is not None:
            self._note_refusal(user, visitor)
            raise NotAuthenticated(_WRONG)
        self.attempts.succeed(*subjects)
        if kept is not None and self.passwords.is_outdated(kept):
            self.users.set_password(user.id, self.passwords.hash(password))
        return user

    def open(
        self, user: User, visitor: Visitor, *, account: str | None = None, old_secret: str | None = None, way: str = "password"
    ) -> tuple[SignedIn, str]:
        """A session for a user who has been proven otherwise, in this workspace or the first; raises `NotAllowed`."""
        workspaces = self.users.workspaces(user.id)
        member = next((member for member in workspaces if account in (None, member.account_id)), None)
        if member is None:
            raise NotAllowed("You are no member of a workspace: ask for an invitation.")
        if old_secret is not None:
            self._end(old_secret)
        session, secret = self.sessions.open(user.id, member.account_id, address=visitor.address, user_agent=visitor.user_agent)
        actor = replace(visitor.actor, name=f"user:{user.id}")
        self.audit.record(
            "session.opened", actor=actor, account=member.account_id, subject=f"session:{session.id}", details={"way": way}
        )
        return SignedIn(session, member), secret

    def find(self, secret: str) -> SignedIn:
        """The session of this secret; raises `NotAuthenticated`."""
        return self.sessions.find(secret)

    def own_sessions(self, caller: Caller) -> list[Session]:
        """The caller's live sessions, the newest first; raises `NotAllowed` for an API key."""
        return self.sessions.of_user(_user_of(caller))

    def sign_out(self, caller: Caller, actor: Actor, *, session_id: str | None = None) -> None:
        """Ends this session, or another one of the user; raises `NotFound` where there is none."""
        user_id = _user_of(caller)
        ended = session_id or caller.session_id
        if ended is None or not self.sessions.end(ended, user_id):
            raise NotFound("There is no such session.")
        self.audit.record("session.ended", actor=actor, account=caller.account_id, subject=f"session:{ended}")

    def sign_out_everywhere(self, caller: Caller, actor: Actor) -> int:
        """Ends all sessions of the user, and all logins from terminals; returns how many sessions."""
        user_id = _user_of(caller)
        count = self.sessions.end_all(user_id)
        self.tokens.end_user(user_id)
        self.audit.record(
            "session.ended_everywhere",
            actor=actor,
            account=caller.account_id,
            subject=f"user:{user_id}",
            details={"sessions": count},
        )
        return count

    def change_password(self, caller: Caller, current: str, new: str, visitor: Visitor, actor: Actor) -> None:
        """Replaces the password and ends the user's other sessions and logins. Raises `NotAuthenticated` where the current one
        is wrong, `RateLimited` after too many attempts, and `InvalidOptions` for a new one that is too short or too long.
        """
        user, _ = self.users.get(_user_of(caller))
        hashed = self.passwords.hash(new)
        self.prove(user.email, current, visitor)
        self.users.set_password(user.id, hashed)
        self.sessions.end_all(user.id, but=caller.session_id)
        self.tokens.end_user(user.id)
        self.audit.record("password.changed", actor=actor, account=caller.account_id, subject=f"user:{user.id}")

    def workspaces(self, caller: Caller) -> list[tuple[str, str | None]]:
        """Id and name of the workspaces that the user belongs to."""
        return [(member.account_id, member.account_name) for member in self.users.workspaces(_user_of(caller))]

    def move(self, caller: Caller, account: str) -> None:
        """Lets the session look at another workspace of the user; raises `NotAllowed`."""
        if caller.session_id is None or account not in (known for known, _ in self.workspaces(caller)):
            raise NotAllowed("You are no member of this workspace.")
        self.sessions.move(caller.session_id, account)

    def _note_refusal(self, user: User | None, visitor: Visitor) -> None:
        """In the log of every workspace of the user; for nobody's address in the server's own only. What was typed is left out:
        it may be a password in the wrong field.
        """
        # Nobody's workspaces are looked up too: the time must not tell whether there is such a user.
        members = self.users.workspaces(user.id if user is not None else "")
        accounts: list[str | None] = [member.account_id for member in members]
        subject = f"user:{user.id}" if user is not None else None
        for account in accounts or [None]:
            self.audit.record("session.refused", actor=visitor.actor, account=account, subject=subject)
        _log.info("sign-in refused")

    def _end(self, secret: str) -> None:
        try:
            session = self.sessions.find(secret).session
        except NotAuthenticated:
            return
        self.sessions.end(session.id, session.user_id)


def _user_of(caller: Caller) -> str:
    if caller.user_id is None:
        raise NotAllowed(_NEEDS_SESSION)
    return caller.user_id
