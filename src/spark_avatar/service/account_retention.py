"""Forgets what is over around accounts: sessions, invitations, attempts to sign in, old events of the audit log."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from spark_avatar.accounts.audit import AuditLog
from spark_avatar.accounts.invitations import InvitationStore
from spark_avatar.accounts.sessions import SessionStore
from spark_avatar.accounts.sign_in_attempts import SignInAttempts
from spark_avatar.service.clock import Clock, utc_now

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccountRetention:
    """Safe to run beside other servers."""

    sessions: SessionStore
    invitations: InvitationStore
    attempts: SignInAttempts
    audit: AuditLog
    audit_age: timedelta | None
    """None keeps the audit log."""
    clock: Clock = utc_now

    def sweep(self) -> None:
        """Removes what is over."""
        counts = {
            "sessions": self.sessions.sweep(),
            "invitations": self.invitations.sweep(),
            "attempts": self.attempts.sweep(),
            "events": self.audit.forget(self.clock() - self.audit_age) if self.audit_age is not None else 0,
        }
        if any(counts.values()):
            _log.info("old account data removed", extra=counts)
