"""A ledger with its tasks, on a database that is empty."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine
from task_store_contract import ANNA, START, USAGE, later

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.accounts.ledger.sql_audit import SqlBooksAudit
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.accounts.ledger.sql_ledger import SqlLedger
from spark_avatar.accounts.ledger.sql_usage import SqlUsageStore
from spark_avatar.database.engine import writing
from spark_avatar.database.schema import accounts, api_keys
from spark_avatar.tasks.sql.audit import SqlTaskAudit
from spark_avatar.tasks.sql.store import SqlTaskStore


@dataclass
class LedgerHouse:
    engine: Engine
    mode: BillingMode = BillingMode.PREPAID
    now: datetime = START - timedelta(minutes=1)

    def __post_init__(self) -> None:
        self.store = SqlTaskStore(self.engine, SqlBookkeeper(self.mode))
        self.ledger = SqlLedger(self.engine, clock=lambda: self.now)
        self.usage = SqlUsageStore(self.engine)

    def account(self, account_id=ANNA, *, balance: str = "0", credit: str = "0") -> None:
        with writing(self.engine) as connection:
            connection.execute(accounts.insert(), {"id": account_id, "created_at": START})
        if Decimal(balance):
            self.ledger.recharge(account_id, Decimal(balance))
        if Decimal(credit):
            self.ledger.set_credit(account_id, Decimal(credit))

    def key(self, key_id: str = "k", account_id=ANNA, *, budget: str | None = None) -> None:
        row = {"id": key_id, "name": f"name of {key_id}", "prefix": key_id, "account_id": account_id, "secret_hash": key_id}
        amount = None if budget is None else Decimal(budget)
        with writing(self.engine) as connection:
            connection.execute(api_keys.insert(), {**row, "created_at": START, "monthly_budget": amount})

    def complete(self, held, cost: str, *, seconds: float = 60, outputs=()) -> bool:
        usage = replace(USAGE, cost=cost)
        return self.store.complete(held.id, held.claim, outputs=outputs, usage=usage, metadata={}, now=later(seconds))

    def stands(self, account_id=ANNA) -> tuple[str, str]:
        """What is available and what is held."""
        balance = self.ledger.balance(account_id)
        return f"{balance.available:f}", f"{balance.held:f}"

    def kinds(self, account_id=ANNA) -> list[str]:
        return [entry.kind.value for entry in reversed(self.ledger.entries(account_id, limit=100))]

    def faults(self) -> list[str]:
        return SqlBooksAudit(self.engine).faults() + SqlTaskAudit(self.engine).faults()
