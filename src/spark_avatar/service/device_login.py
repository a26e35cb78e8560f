"""Use cases of logging in from a terminal: begin, ask, approve, refresh, log out."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.accounts.bearer_secrets import hash_of
from spark_avatar.accounts.device_login import (
    LIFE,
    DeviceLogin,
    DeviceLoginStore,
    Proof,
    check_client,
    new_device_code,
    new_user_code,
    read_user_code,
)
from spark_avatar.accounts.keys import Caller, KeyStore
from spark_avatar.accounts.tokens import TokenPair, TokenStore
from spark_avatar.errors import NotAuthenticated, UserCodeUnknown
from spark_avatar.service.clock import Clock, utc_now

INTERVAL: Final = timedelta(seconds=2)
"""Between two questions of a program."""
_TOLERANCE: Final = timedelta(milliseconds=500)
"""Requests arrive closer together than they were sent."""
_MOST_TRIES: Final = 10
"""For a user code that no other login has; the second one is hardly ever needed."""
_KEPT: Final = timedelta(days=1)
"""How long what has expired stays."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BegunLogin:
    """What a program learns at the beginning."""

    device_code: str
    user_code: str
    expires_in: int
    """Seconds."""
    interval: int
    """Seconds between questions."""


@dataclass(frozen=True)
class Granted:
    """What a program gets in the end: shown this once."""

    tokens: TokenPair
    api_key: str


@dataclass(frozen=True)
class DeviceLoginService:
    """Safe to call from several threads and servers on the same stores."""

    logins: DeviceLoginStore
    tokens: TokenStore
    keys: KeyStore
    audit: AuditLog
    clock: Clock = utc_now
    interval: timedelta = INTERVAL

    def begin(self, client_id: str, client_public_key: str, *, address: str) -> BegunLogin:
        """A new login for a program that has this key; raises `MalformedRequest`."""
        check_client(client_id, client_public_key)
        device_code, now = new_device_code(), self.clock()
        for _ in range(_MOST_TRIES):
            login = DeviceLogin(
                device_code_hash=hash_of(device_code),
                user_code=new_user_code(),
                client_id=client_id.strip(),
                client_public_key=client_public_key,
                address=address,
                created_at=now,
                expires_at=now + LIFE,
            )
            if self.logins.add(login):
                seconds = int(LIFE.total_seconds()), max(1, int(self.interval.total_seconds()))
                return BegunLogin(device_code, login.user_code, *seconds)
        raise RuntimeError("no free user code was found")

    def ask(self, proof: Proof, *, actor: Actor) -> DeviceLogin | Granted | None:
        """What came of the login: itself while it waits, what it grants when it was approved, None when there is nothing to
        wait for: unknown, expired, denied, or taken before. Raises `ProofRefused` and `SlowDown`.
        """
        hashed = hash_of(proof.device_code)
        login, now = self.logins.by_device_code(hashed), self.clock()
        if login is None:
            return None
        proof.check(login.client_public_key, now)
        self.logins.note_proof(hashed, proof.nonce, now=now, interval=self.interval - _TOLERANCE)
        if login.state(now) == "pending":
            return login
        if login.state(now) == "expired" or not self.logins.claim(hashed, now=now):
            return None
        return self._grant(login, actor)

    def describe(self, typed_code: str) -> DeviceLogin:
        """The login that waits for an answer under this code; raises `UserCodeUnknown`."""
        code = read_user_code(typed_code)
        login = self.logins.by_user_code(code) if code is not None else None
        if login is None or login.state(self.clock()) != "pending":
            raise UserCodeUnknown
        return login

    def decide(self, typed_code: str, *, user: Caller, actor: Actor, approved: bool) -> DeviceLogin:
        """A signed-in user lets the program in, for the workspace that they look at, or not. Raises `UserCodeUnknown`, also
        for a login that was answered before.
        """
        assert user.user_id is not None, "an API key signs nobody in"
        login = self.describe(typed_code)
        done = self.logins.answer(
            login.user_code, user_id=user.user_id, account_id=user.account_id, approved=approved, now=self.clock()
        )
        if not done:
            raise UserCodeUnknown
        self.audit.record(
            "device_login.approved" if approved else "device_login.denied",
            actor=actor,
            account=user.account_id,
            details={"client_id": login.client_id, "client_address": login.address},
        )
        return login

    def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair; raises `NotAuthenticated`. A token that was used before ends its whole login."""
        return self.tokens.refresh(refresh_token)

    def log_out(self, token: str) -> None:
        """Ends the login that a token of either kind came from. The API key stays: it is managed with the others."""
        self.tokens.revoke(token)

    def sweep(self) -> None:
        """Forgets what expired a while ago."""
        before = self.clock() - _KEPT
        counts = {"logins": self.logins.forget(expired_before=before), "tokens": self.tokens.forget(expired_before=before)}
        if any(counts.values()):
            _log.info("expired logins removed", extra=counts)

    def _grant(self, login: DeviceLogin, actor: Actor) -> Granted | None:
        """After the claim: should this fail, nobody gets anything, and the person logs in anew."""
        assert login.user_id is not None
        assert login.account_id is not None
        try:
            pair = self.tokens.issue(user_id=login.user_id, account_id=login.account_id)
        except NotAuthenticated:
            return None  # removed from the workspace since the approval
        key, secret = self.keys.create(login.client_id, account=login.account_id, created_by=f"user:{login.user_id}")
        self.audit.record(
            "key.created",
            actor=Actor(f"user:{login.user_id}", actor.address, actor.request_id),
            account=login.account_id,
            subject=f"key:{key.id}",
            details={"name": key.name, "by": "device login"},
        )
        return Granted(pair, secret)
