"""What other processes do in the ledger's tests."""

from decimal import Decimal

from task_store_contract import task

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.database.engine import open_database
from spark_avatar.errors import BudgetSpent, InsufficientBalance
from spark_avatar.tasks.sql.store import SqlTaskStore


def add_many(url: str, name: str, count: int, start, results) -> None:
    """Adds tasks that hold a dollar each; tells how many were accepted."""
    engine = open_database(url)
    store = SqlTaskStore(engine, SqlBookkeeper(BillingMode.PREPAID))
    start.wait()
    accepted = 0
    for number in range(count):
        try:
            store.add(task(f"{name}-{number}", seconds=number), hold=Decimal(1))
        except (InsufficientBalance, BudgetSpent):
            continue
        accepted += 1
    results.put(accepted)
    engine.dispose()
