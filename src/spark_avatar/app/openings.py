"""Single services for the command line; they work beside a running server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from spark_avatar.accounts.ledger.sql_audit import SqlBooksAudit
from spark_avatar.accounts.ledger.sql_ledger import SqlLedger
from spark_avatar.accounts.sql.account_records import SqlAccountRecords
from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.app.account_data import account_data_of
from spark_avatar.app.adapters import (
    database_url_of,
    open_current_database,
    storage_of,
    task_store_of,
    work_dir_of,
)
from spark_avatar.app.billing import ledger_of
from spark_avatar.config import Settings
from spark_avatar.errors import NotFound
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.audit import Audit, FileAudit
from spark_avatar.service.members import FIRST_ACCOUNT
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.tasks.sql.audit import SqlTaskAudit
from spark_avatar.tasks.sql.drained_servers import DrainedServers
from spark_avatar.tasks.sql.search import task_beginning_with
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import Task


def open_account_data(settings: Settings) -> AccountData:
    """Export and erasure of accounts."""
    return account_data_of(settings, open_current_database(settings), storage_of(settings))


def open_keys(settings: Settings) -> SqlKeyStore:
    """The API keys, for the command line; works beside a running server."""
    return SqlKeyStore(open_current_database(settings))


def open_drained_servers(settings: Settings) -> DrainedServers:
    """Which servers of engines get no new jobs."""
    return DrainedServers(open_current_database(settings))


def open_tasks(settings: Settings) -> SqlTaskStore:
    """The tasks, for the command line; works beside a running server."""
    return task_store_of(settings, open_current_database(settings))


def open_task_service(settings: Settings) -> TaskService:
    """What can be done with tasks, for the command line; works beside a running server."""
    return TaskService(open_tasks(settings), TaskFiles(storage_of(settings)))


def open_ledger(settings: Settings) -> SqlLedger:
    """What accounts have, for the command line."""
    return ledger_of(open_current_database(settings))


def open_audit(settings: Settings) -> Audit:
    """Checks all that is stored; works beside a running server."""
    database = open_current_database(settings)
    rows = SqlTaskAudit(database)
    return Audit(SqlBooksAudit(database).faults, rows.faults, FileAudit(storage_of(settings), rows, work_dir_of(settings)))


def check_account(settings: Settings, account: str) -> None:
    """Raises `NotFound` for an account that is not there. The one of keys that name none counts as there before its first key."""
    if account != FIRST_ACCOUNT and not SqlAccountRecords(open_current_database(settings)).exists(AccountId(account)):
        raise NotFound(f"There is no account {account!r}: accounts are made with their first key or user.")


def find_task(settings: Settings, beginning: str) -> Task | None:
    """The task whose id begins so, of any account. Looks into a database that is there, and makes none."""
    address = make_url(database_url_of(settings))
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return None
    return task_beginning_with(open_current_database(settings), beginning)
