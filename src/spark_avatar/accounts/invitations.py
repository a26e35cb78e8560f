"""Invitations: links that make somebody a member of a workspace, once. The link of the first start is one too."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.users import Member, User
from spark_avatar.schemas.identity import AccountId


@dataclass(frozen=True)
class Invitation:
    """What is known of an invitation; its code is not. Times are in UTC."""

    id: str
    account_id: AccountId
    email: str | None
    """Who may accept; None where whoever has the link may: the link of the first start."""
    role: Role
    operator: bool
    invited_by: str | None
    """User id, or how the audit log names the actor."""
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    accepted_by: str | None = None


@dataclass(frozen=True)
class NewUser:
    """Who comes without having been a user."""

    email: str
    name: str
    password_hash: str | None


class InvitationStore(Protocol):
    """Keeps invitations."""

    def create(
        self, account: str, email: str, role: Role, *, invited_by: str | None, expires_at: datetime
    ) -> tuple[Invitation, str]:
        """A new invitation and its code. Raises `Conflict` where the address belongs to a member already. An earlier
        invitation of the address to this workspace is withdrawn.
        """
        ...

    def welcome(self, account: str, *, expires_at: datetime) -> str | None:
        """The code that makes its bearer the first user, who owns the workspace and runs the server; None where there is a
        user already. Codes given out before are withdrawn.
        """
        ...

    def find(self, code: str) -> Invitation:
        """The open invitation of this code; raises `NotFound` when it is unknown, withdrawn, used or expired."""
        ...

    def accept(self, code: str, who: User | NewUser) -> Member:
        """Makes somebody a member, once; a member already keeps the role. Raises `NotFound` as `find`, also for the link of the
        first start when there is a user by now; `Conflict` where a new user's address is taken.
        """
        ...

    def accept_invited(self, who: User | NewUser) -> list[tuple[Invitation, Member]]:
        """Makes somebody a member by all open invitations of their address, which has been proven otherwise; what came of each,
        the newest first. Where there are none, nothing is done. Raises `Conflict` as `accept`.
        """
        ...

    def open(self, account: str) -> list[Invitation]:
        """The workspace's open invitations, the newest first."""
        ...

    def withdraw(self, invitation_id: str, account: str) -> Invitation:
        """Ends an open invitation; raises `NotFound`."""
        ...

    def sweep(self) -> int:
        """Forgets invitations that have expired unused; returns how many."""
        ...
