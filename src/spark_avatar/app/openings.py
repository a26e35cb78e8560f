"""Single services for the command line; they work beside a running server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from spark_avatar.accounts.sql.keys import SqlKeyStore
from spark_avatar.app.adapters import database_url_of, open_current_database, storage_of, task_files_of, task_store_of
from spark_avatar.config import Settings
from spark_avatar.service.tasks import TaskService
from spark_avatar.tasks.sql.drained_servers import DrainedServers
from spark_avatar.tasks.sql.search import task_beginning_with
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.tasks.task import Task


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
    return TaskService(open_tasks(settings), task_files_of(settings, storage_of(settings)))


def find_task(settings: Settings, beginning: str) -> Task | None:
    """The task whose id begins so, of any account. Looks into a database that is there, and makes none."""
    address = make_url(database_url_of(settings))
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return None
    return task_beginning_with(open_current_database(settings), beginning)
