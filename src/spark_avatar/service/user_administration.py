"""What whoever runs the server does about users, from the command line."""

from dataclasses import dataclass

from spark_avatar.accounts.audit import OPERATOR, AuditLog
from spark_avatar.accounts.passwords import Passwords
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import SessionStore
from spark_avatar.accounts.tokens import TokenStore
from spark_avatar.accounts.users import Member, User, UserStore, checked_account, checked_email, checked_name
from spark_avatar.errors import InvalidOptions, NotFound


@dataclass(frozen=True)
class UserAdministration:
    """Users by their e-mail addresses; every change is in the audit log."""

    users: UserStore
    sessions: SessionStore
    passwords: Passwords
    tokens: TokenStore
    audit: AuditLog

    def create(self, email: str, name: str, password: str, *, account: str, role: Role | None, operator: bool) -> Member:
        """A new user. The first one owns the workspace and runs the server; others are members unless it is said otherwise.
        Raises `Conflict` where the address is taken, and `InvalidOptions`, also for a first one that would own nothing.
        """
        is_first = not self.users.any()
        if is_first and role not in (None, Role.OWNER):
            raise InvalidOptions(f"The first user owns the workspace: make the owner first, then a user who is {role}.")
        member = self.users.add(
            checked_email(email),
            checked_name(name),
            self.passwords.hash(password),
            account=checked_account(account),
            role=role or (Role.OWNER if is_first else Role.MEMBER),
            operator=operator or is_first,
        )
        self._note("user.created", member.user, account=account, role=member.role)
        return member

    def all(self) -> list[Member]:
        """All users with all their memberships, the oldest first."""
        return self.users.all()

    def set_disabled(self, email: str, disabled: bool) -> User:
        """Keeps a user from signing in, and ends their sessions and logins; or lets them in again. Raises `NotFound`, and
        `Conflict` where a workspace would be left without an owner.
        """
        user = self._find(email)
        self.users.set_disabled(user.id, disabled)
        if disabled:
            self._end(user)
        self._note("user.disabled" if disabled else "user.enabled", user)
        return user

    def reset_password(self, email: str, password: str) -> User:
        """Gives a user another password, and ends their sessions and logins. Raises `NotFound` and `InvalidOptions`."""
        user = self._find(email)
        self.users.set_password(user.id, self.passwords.hash(password))
        self._end(user)
        self._note("password.reset", user)
        return user

    def _end(self, user: User) -> None:
        self.sessions.end_all(user.id)
        self.tokens.end_user(user.id)

    def _find(self, email: str) -> User:
        found = self.users.find(checked_email(email))
        if found is None:
            raise NotFound(f"There is no user {email}.")
        return found[0]

    def _note(self, action: str, user: User, *, account: str | None = None, role: Role | None = None) -> None:
        details = {"role": role.value} if role is not None else None
        self.audit.record(action, actor=OPERATOR, account=account, subject=f"user:{user.id}", details=details)
