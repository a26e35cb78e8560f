"""What the API and the console need to know callers and to manage them, in one place."""

from dataclasses import dataclass

from spark_avatar.accounts.audit import AuditLog
from spark_avatar.service.account_retention import AccountRetention
from spark_avatar.service.bearers import Bearers
from spark_avatar.service.device_login import DeviceLoginService
from spark_avatar.service.key_management import KeyService
from spark_avatar.service.members import MemberService
from spark_avatar.service.provider_sign_in import ProviderSignIn
from spark_avatar.service.sign_in import SignInService


@dataclass(frozen=True)
class AccountServices:
    """The use cases around accounts."""

    sign_in: SignInService
    members: MemberService
    keys: KeyService
    audit: AuditLog
    device_logins: DeviceLoginService
    bearers: Bearers
    retention: AccountRetention
    provider: ProviderSignIn | None = None
    """Signing in by an identity provider, where there is one."""
