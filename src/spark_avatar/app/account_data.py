"""Export and erasure of accounts, for the server and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_avatar.accounts.sql.account_records import SqlAccountRecords
from spark_avatar.accounts.sql.audit import SqlAuditLog
from spark_avatar.app.adapters import task_store_of
from spark_avatar.config import Settings
from spark_avatar.service.account_data import AccountData
from spark_avatar.service.task_files import TaskFiles
from spark_avatar.service.tasks import TaskService
from spark_avatar.storage.object_storage import ObjectStorage

if TYPE_CHECKING:
    from sqlalchemy import Engine


def account_data_of(settings: Settings, database: Engine, storage: ObjectStorage) -> AccountData:
    """Everything of an account."""
    tasks = TaskService(task_store_of(settings, database), TaskFiles(storage))
    return AccountData(SqlAccountRecords(database), tasks, storage, SqlAuditLog(database))
