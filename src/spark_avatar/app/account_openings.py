"""Services around accounts for the command line; they work beside a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_avatar.accounts.passwords import Passwords
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.accounts.sql.sessions import SqlSessionStore
from spark_avatar.accounts.sql.tokens import SqlTokenStore
from spark_avatar.accounts.sql.users import SqlUserStore
from spark_avatar.app.accounts import account_services, session_life
from spark_avatar.app.adapters import open_current_database
from spark_avatar.config import Settings
from spark_avatar.service.key_management import KeyService
from spark_avatar.service.user_administration import UserAdministration

if TYPE_CHECKING:
    from spark_avatar.service.members import MemberService


def open_key_service(settings: Settings) -> KeyService:
    """Management of API keys."""
    from spark_avatar.app.accounts import known_models
    from spark_avatar.wiring import model_catalog

    database = open_current_database(settings)

    def knows_model(model: str) -> bool:
        return known_models(model_catalog(settings))(model)

    return KeyService(SqlKeyStore(database), SqlAuditLog(database), knows_model)


def open_user_administration(settings: Settings) -> UserAdministration:
    """Users, their passwords and sessions."""
    database = open_current_database(settings)
    sessions = SqlSessionStore(database, session_life(settings))
    return UserAdministration(SqlUserStore(database), sessions, Passwords(), SqlTokenStore(database), SqlAuditLog(database))


def open_members(settings: Settings) -> MemberService:
    """Invitations."""
    database = open_current_database(settings)
    return account_services(settings, database, SqlKeyStore(database), lambda _model: True).members


def open_audit_log(settings: Settings) -> SqlAuditLog:
    """What happened that matters to security."""
    return SqlAuditLog(open_current_database(settings))
