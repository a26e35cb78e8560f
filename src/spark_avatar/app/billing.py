"""Those who ask about money, and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.accounts.ledger.sql_ledger import SqlLedger
from spark_avatar.accounts.ledger.sql_usage import SqlUsageStore
from spark_avatar.config import Settings
from spark_avatar.service.billing import BillingService
from spark_avatar.service.clock import utc_now

if TYPE_CHECKING:
    from sqlalchemy import Engine


def ledger_of(database: Engine) -> SqlLedger:
    """What accounts have."""
    return SqlLedger(database, clock=utc_now)


def billing_of(settings: Settings, database: Engine) -> BillingService:
    """Answers accounts' questions about their money."""
    return BillingService(ledger_of(database), SqlUsageStore(database), BillingMode(settings.billing))
