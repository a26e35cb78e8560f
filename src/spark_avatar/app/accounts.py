"""Who may call: the stores and services around accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from spark_avatar.accounts.passwords import Passwords
from spark_avatar.accounts.sessions import SessionLife
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.accounts.sql.device_logins import SqlDeviceLoginStore
from spark_avatar.accounts.sql.invitations import SqlInvitationStore
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.accounts.sql.sessions import SqlSessionStore
from spark_avatar.accounts.sql.sign_in_attempts import SqlSignInAttempts
from spark_avatar.accounts.sql.tokens import SqlTokenStore
from spark_avatar.accounts.sql.users import SqlUserStore
from spark_avatar.config import Settings
from spark_avatar.errors import LibraryMissing
from spark_avatar.service.account_retention import AccountRetention
from spark_avatar.service.accounts import AccountServices
from spark_avatar.service.bearers import Bearers
from spark_avatar.service.device_login import DeviceLoginService
from spark_avatar.service.key_management import KeyService
from spark_avatar.service.members import MemberService
from spark_avatar.service.provider_sign_in import ProviderSignIn
from spark_avatar.service.refused_keys import RefusedKeys
from spark_avatar.service.retention import age
from spark_avatar.service.sign_in import SignInService

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from spark_avatar.service.models import ModelCatalog


def account_services(
    settings: Settings,
    database: Engine,
    keys: SqlKeyStore,
    knows_model: Callable[[str], bool],
    passwords: Passwords | None = None,
) -> AccountServices:
    """The use cases around accounts."""
    audit, users, tokens = SqlAuditLog(database), SqlUserStore(database), SqlTokenStore(database)
    sessions, attempts, invitations = (
        SqlSessionStore(database, session_life(settings)),
        SqlSignInAttempts(database),
        SqlInvitationStore(database),
    )
    sign_in = SignInService(
        users=users,
        sessions=sessions,
        attempts=attempts,
        passwords=passwords or Passwords(),
        tokens=tokens,
        audit=audit,
    )
    return AccountServices(
        sign_in=sign_in,
        members=MemberService(users, invitations, sign_in, audit),
        keys=KeyService(keys, audit, knows_model),
        audit=audit,
        device_logins=DeviceLoginService(SqlDeviceLoginStore(database), tokens, keys, audit),
        bearers=Bearers(keys, tokens),
        provider=_provider(settings, users, invitations, sign_in),
        retention=AccountRetention(sessions, invitations, attempts, audit, age(timedelta(days=settings.audit_days))),
    )


def _provider(
    settings: Settings, users: SqlUserStore, invitations: SqlInvitationStore, sign_in: SignInService
) -> ProviderSignIn | None:
    if settings.oidc_issuer is None:
        return None
    try:
        from spark_avatar.accounts.openid_connect import OpenIdConnect
    except ModuleNotFoundError as missing:
        raise LibraryMissing("Signing in by OpenID Connect needs its library") from missing
    secret = settings.oidc_client_secret.get_secret_value()
    provider = OpenIdConnect(settings.oidc_issuer, settings.oidc_client_id, secret, name=settings.oidc_name)
    return ProviderSignIn(provider, users, invitations, sign_in)


def key_store(database: Engine) -> SqlKeyStore:
    """The API keys; the audit log hears of those that are used after their end."""
    return SqlKeyStore(database, on_refusal=RefusedKeys(SqlAuditLog(database)))


def session_life(settings: Settings) -> SessionLife:
    """Of the settings."""
    return SessionLife(longest=timedelta(days=settings.session_days), idle=timedelta(hours=settings.session_idle_hours))


def known_models(catalog: ModelCatalog) -> Callable[[str], bool]:
    """Whether there is a model of this id."""
    return lambda model: any(model == known.id for known in catalog.all())
