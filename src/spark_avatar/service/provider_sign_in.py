"""Signing in by an identity provider."""

from contextlib import suppress
from dataclasses import dataclass

from spark_avatar.accounts.identity_provider import Handshake, Identity, IdentityProvider
from spark_avatar.accounts.invitations import Invitation, InvitationStore, NewUser
from spark_avatar.accounts.sessions import SignedIn
from spark_avatar.accounts.users import Member, User, UserStore, checked_email, checked_name
from spark_avatar.errors import Conflict, NotAllowed
from spark_avatar.service.members import note_joined
from spark_avatar.service.sign_in import SignInService, Visitor


@dataclass(frozen=True)
class ProviderSignIn:
    """Lets in whom the provider has proven, if they are a user here, by their verified address, or have been invited. All open
    invitations of the address are accepted.
    """

    provider: IdentityProvider
    users: UserStore
    invitations: InvitationStore
    sign_in: SignInService

    def begin(self, callback: str) -> tuple[str, Handshake]:
        """Where to send the browser, and what it keeps until it comes back. Raises `ProviderFailed`."""
        return self.provider.begin(callback)

    def finish(
        self, handshake: Handshake, *, state: str, code: str, callback: str, visitor: Visitor, old_secret: str | None = None
    ) -> tuple[SignedIn, str]:
        """A session and its secret. Raises `ProviderFailed`, `NotAuthenticated`, and `NotAllowed` for somebody whom nobody here
        has invited.
        """
        identity = self.provider.finish(handshake, state=state, code=code, callback=callback)
        try:
            user, joined = self._join(identity)
        except NotAllowed:
            self.sign_in.audit.record("session.refused", actor=visitor.actor, details={"way": "provider"})
            raise
        for invitation, member in joined:
            note_joined(self.sign_in.audit, member, invitation, visitor)
        account = joined[0][1].account_id if joined else None
        return self.sign_in.open(user, visitor, account=account, old_secret=old_secret, way="provider")

    def _join(self, identity: Identity) -> tuple[User, list[tuple[Invitation, Member]]]:
        """Who it is, and what they have become a member of, by which invitations; the newest first."""
        email = checked_email(identity.email)
        found = self.users.find(email)
        if found is None:
            with suppress(Conflict):
                if joined := self.invitations.accept_invited(NewUser(email, checked_name(identity.name), None)):
                    return joined[0][1].user, joined
            found = self.users.find(email)  # another first sign-in of theirs, at the same moment, may have used the invitations
        if found is None:
            raise NotAllowed(f"There is no user {email} here: ask for an invitation.")
        user, _ = found
        if user.disabled_at is not None:
            raise NotAllowed("This user is disabled.")
        return user, self.invitations.accept_invited(user)
