"""Single services for the command line; they work beside a running server."""

from __future__ import annotations

from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.app.adapters import open_current_database, storage_of, task_files_of, task_store_of
from spark_avatar.config import Settings
from spark_avatar.service.tasks import TaskService
from spark_avatar.tasks.sql.store import SqlTaskStore


def open_keys(settings: Settings) -> SqlKeyStore:
    """The API keys, for the command line; works beside a running server."""
    return SqlKeyStore(open_current_database(settings))


def open_tasks(settings: Settings) -> SqlTaskStore:
    """The tasks, for the command line; works beside a running server."""
    return task_store_of(settings, open_current_database(settings))


def open_task_service(settings: Settings) -> TaskService:
    """What can be done with tasks, for the command line; works beside a running server."""
    return TaskService(open_tasks(settings), task_files_of(settings, storage_of(settings)))
