"""Settings -> the adapters that every process shares: database, storage, links."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spark_avatar.accounts.ledger.entries import BillingMode
from spark_avatar.accounts.ledger.sql_books import SqlBookkeeper
from spark_avatar.config import Settings
from spark_avatar.database import sqlite
from spark_avatar.database.engine import open_database
from spark_avatar.database.migrate import upgrade
from spark_avatar.service.addresses import AllowList
from spark_avatar.service.fetch import InputFetcher
from spark_avatar.service.files import FileService
from spark_avatar.service.http_source import HttpSource
from spark_avatar.service.prices import PriceList
from spark_avatar.service.room import WorkRoom
from spark_avatar.storage.links import LinkSigner
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.storage.secret import load_secret
from spark_avatar.storage.storage import ObjectKey
from spark_avatar.tasks.sql.patient import PatientTaskStore
from spark_avatar.tasks.sql.store import SqlTaskStore
from spark_avatar.wiring import limits_of

if TYPE_CHECKING:
    from sqlalchemy import Engine


def database_url_of(settings: Settings) -> str:
    """Of the settings, or SQLite in the data folder."""
    return settings.database_url or sqlite.url_of(settings.data_dir / "spark-avatar.sqlite3")


def storage_of(settings: Settings) -> ObjectStorage:
    """Of the settings, or a folder in the data folder."""
    url = settings.storage_url or str(settings.data_dir / "files")
    return ObjectStorage(url, retry_seconds=settings.storage_retry_seconds)


def files_of(settings: Settings, storage: ObjectStorage) -> FileService:
    """Takes files in and gives links out. Raises `ConfigurationError` where the links cannot be as the settings want them."""
    presign = storage.presign if settings.storage_links == "redirect" else None
    if presign is not None:
        presign(ObjectKey("readiness"), 60)
    return FileService(storage, signer_of(settings), link_seconds=settings.link_seconds, presign=presign)


def fetcher_of(settings: Settings, storage: ObjectStorage) -> InputFetcher:
    """Brings inputs here, from where they may come from."""
    http = HttpSource(AllowList.parse(settings.fetch_allow))
    return InputFetcher(http, storage, signer_of(settings), limits_of(settings), settings.fetch_seconds)


def signer_of(settings: Settings) -> LinkSigner:
    """Signs the links to stored files."""
    return LinkSigner(secret_of(settings))


def secret_of(settings: Settings) -> bytes:
    """Of the settings, or the one kept in the data folder."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return load_secret(settings.data_dir / "secret")


def prices_of(settings: Settings) -> PriceList:
    """What videos cost."""
    return PriceList.of(settings.price_per_second, settings.prices)


def task_store_of(settings: Settings, database: Engine) -> SqlTaskStore:
    """The tasks, with the books of what they cost."""
    return SqlTaskStore(database, SqlBookkeeper(BillingMode(settings.billing)))


def patient_store_of(settings: Settings, database: Engine) -> PatientTaskStore:
    """The tasks and their books, for a worker."""
    return PatientTaskStore(database, SqlBookkeeper(BillingMode(settings.billing)))


def work_dir_of(settings: Settings) -> Path:
    """Holds a folder for every running task."""
    return settings.data_dir / "work"


def work_room_of(settings: Settings) -> WorkRoom:
    """The disk that those folders lie on."""
    return WorkRoom(work_dir_of(settings), settings.min_free_bytes)


def open_current_database(settings: Settings) -> Engine:
    """The database, brought up to date."""
    upgrade(database_url_of(settings))
    return open_database(database_url_of(settings))
