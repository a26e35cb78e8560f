"""The people of a workspace: who comes, what they may do, who goes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.accounts.invitations import Invitation, InvitationStore, NewUser
from spark_avatar.accounts.keys import Caller
from spark_avatar.accounts.roles import Role
from spark_avatar.accounts.sessions import SignedIn
from spark_avatar.accounts.users import Member, UserStore, checked_account, checked_email, checked_name
from spark_avatar.errors import InvalidOptions, NotAllowed
from spark_avatar.service.clock import Clock, utc_now
from spark_avatar.service.sign_in import SignInService, Visitor

INVITATION_LIFE: Final = timedelta(days=7)
WELCOME_LIFE: Final = timedelta(days=1)
INVITATION_PATH: Final = "/invitation"
WELCOME_PATH: Final = "/welcome"
"""The console's pages for the links of invitations and of the first start."""
FIRST_ACCOUNT: Final = "default"
"""The workspace of the first user, and of keys that name none."""


@dataclass(frozen=True)
class MemberService:
    """What owners and admins do about members, and how somebody becomes one."""

    users: UserStore
    invitations: InvitationStore
    sign_in: SignInService
    audit: AuditLog
    clock: Clock = utc_now

    def welcome_code(self) -> str | None:
        """The code of the link that makes its bearer the owner of this server; None where there is a user already."""
        return self.invitations.welcome(FIRST_ACCOUNT, expires_at=self.clock() + WELCOME_LIFE)

    def look(self, code: str) -> Invitation:
        """What a code invites to; raises `NotFound`."""
        return self.invitations.find(code)

    def accept(self, code: str, *, name: str, email: str | None, password: str, visitor: Visitor) -> tuple[SignedIn, str]:
        """Makes somebody a member and signs them in. Who is a user already shows their password, anybody else sets one.

        Raises `NotFound` for a code that is not open, `NotAllowed` where it invites somebody else, `NotAuthenticated` and
        `RateLimited` for a user's wrong password, and `InvalidOptions`.
        """
        invitation = self.invitations.find(code)
        address = checked_email(email or invitation.email or "")
        if invitation.email is not None and address != invitation.email:
            raise NotAllowed("The invitation is for another e-mail address.")
        who = (
            self.sign_in.prove(address, password, visitor)
            if self.users.find(address) is not None
            else NewUser(address, checked_name(name), self.sign_in.passwords.hash(password))
        )
        member = self.invitations.accept(code, who)
        note_joined(self.audit, member, invitation, visitor)
        return self.sign_in.open(member.user, visitor, account=member.account_id)

    def invite(self, caller: Caller, email: str, role: Role, actor: Actor) -> tuple[Invitation, str]:
        """A new invitation and its code. Raises `NotAllowed` for a role above the caller's, `Conflict` for a member."""
        _check_may_grant(caller, role)
        return self.invite_to(caller.account_id, email, role, actor)

    def invite_to(self, account: str, email: str, role: Role, actor: Actor) -> tuple[Invitation, str]:
        """As `invite`, for whoever runs the server."""
        invitation, code = self.invitations.create(
            checked_account(account), checked_email(email), role, invited_by=actor.name, expires_at=self.clock() + INVITATION_LIFE
        )
        self.audit.record(
            "invitation.created",
            actor=actor,
            account=account,
            subject=f"invitation:{invitation.id}",
            details={"role": role.value},
        )
        return invitation, code

    def open_invitations(self, caller: Caller) -> list[Invitation]:
        """The workspace's open invitations, the newest first."""
        return self.invitations.open(caller.account_id)

    def withdraw(self, caller: Caller, invitation_id: str, actor: Actor) -> None:
        """Ends an invitation; raises `NotFound`."""
        self.invitations.withdraw(invitation_id, caller.account_id)
        self._note("invitation.withdrawn", caller, actor, f"invitation:{invitation_id}")

    def members(self, caller: Caller) -> list[Member]:
        """The workspace's members, the oldest first."""
        return self.users.members(caller.account_id)

    def set_role(self, caller: Caller, user_id: str, role: Role, actor: Actor) -> Member:
        """Raises `NotFound`, `NotAllowed` where an owner is concerned and the caller is none, and `Conflict` for the last one."""
        _check_may_grant(caller, role)
        self._check_may_change(caller, user_id)
        member = self.users.set_role(caller.account_id, user_id, role)
        self._note("member.role_changed", caller, actor, f"user:{user_id}", role=role)
        return member

    def remove(self, caller: Caller, user_id: str, actor: Actor) -> None:
        """Ends a membership; its sessions and tokens in this workspace end with it. Raises as `set_role`."""
        self._check_may_change(caller, user_id)
        self.users.remove(caller.account_id, user_id)
        self._note("member.removed", caller, actor, f"user:{user_id}")

    def _check_may_change(self, caller: Caller, user_id: str) -> None:
        role = next((member.role for member in self.members(caller) if member.user.id == user_id), None)
        if role is not None:
            _check_may_grant(caller, role)

    def _note(self, action: str, caller: Caller, actor: Actor, subject: str, role: Role | None = None) -> None:
        details = {"role": str(role)} if role is not None else None
        self.audit.record(action, actor=actor, account=caller.account_id, subject=subject, details=details)


def note_joined(audit: AuditLog, member: Member, invitation: Invitation, visitor: Visitor) -> None:
    """Tells the audit log that somebody has become a member by an invitation."""
    audit.record(
        "member.joined",
        actor=Actor(f"user:{member.user.id}", visitor.address or None, visitor.request_id),
        account=member.account_id,
        subject=f"user:{member.user.id}",
        details={"role": member.role, "invitation": invitation.id},
    )


def role_of(word: str) -> Role:
    """A role by its name; raises `InvalidOptions`."""
    try:
        return Role(word)
    except ValueError:
        raise InvalidOptions(f"`role` must be one of {', '.join(Role)}.") from None


def _check_may_grant(caller: Caller, role: Role) -> None:
    """Owners are made and unmade by owners only: an API key is none."""
    if role is Role.OWNER and caller.role is not Role.OWNER:
        raise NotAllowed("Only an owner may do this to an owner.")
