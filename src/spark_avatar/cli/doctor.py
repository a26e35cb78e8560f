"""`spark-avatar doctor`: what is installed, what is missing, how to mend it."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.doctor_audit import audit as check_stored
from spark_avatar.cli.faults import mendable
from spark_avatar.cli.options import DataDir, load_settings, load_store_settings
from spark_avatar.errors import SparkAvatarError

if TYPE_CHECKING:
    from spark_avatar.config import Settings

LIBRARIES = ("av", "PIL", "cv2", "numpy", "onnxruntime", "fastapi", "sqlalchemy", "obstore", "httpx")
_LEAST_FREE_BYTES = 1_000_000_000
DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-contrib-python-headless"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    detail: str
    grave: bool = True
    """Whether nothing may be wrong with it."""

    @property
    def word(self) -> str:
        """How it is, in eight letters at most."""
        return "ok" if self.fine else "MISSING" if self.grave else "warning"


def doctor(
    data_dir: DataDir = None,
    audit: Annotated[bool, typer.Option("--audit", help="Check instead that books, records and files fit together.")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="With --audit: first remove files that no task names.")] = False,
) -> None:
    """Check this installation, or what it has stored."""
    if audit:
        check_stored(load_store_settings(data_dir), sweep=sweep)
        return
    settings = load_settings(data_dir)
    folder = settings.data_dir
    checks: list[Callable[[], Finding]] = [_python, *(lambda name=name: _library(name) for name in LIBRARIES)]
    checks += [_encoder, _face_models, _weights, lambda: _folder(folder, settings.min_free_bytes), lambda: _storage(settings)]
    checks += [lambda: _database(settings), lambda: _provenance(settings)]
    if settings.broker_url is not None:
        checks.append(lambda: _broker(settings))
    if settings.rate_store_url is not None:
        checks.append(lambda: _rate_store(settings))
    if settings.provenance_trust is not None:
        checks.append(lambda: _trust(settings))
    findings = [*(check() for check in checks), *_misspelt()]
    for finding in findings:
        typer.echo(f"{finding.word:<7}  {finding.name:<14} {finding.detail}")
    if any(finding.grave and not finding.fine for finding in findings):
        raise typer.Exit(1)


def _python() -> Finding:
    fine = (3, 11) <= sys.version_info[:2] < (3, 13)
    detail = platform.python_version() + ("" if fine else ": use Python 3.11 or 3.12")
    return Finding("Python", fine, f"{detail}, {os.cpu_count()} cores")


def _library(name: str) -> Finding:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return Finding(name, False, f"{error}: run `make setup`")
    return Finding(name, True, importlib.metadata.version(DISTRIBUTIONS.get(name, name)))


def _encoder() -> Finding:
    from spark_avatar.media.encoder import missing_encoders

    missing = missing_encoders()
    return Finding(
        "encoders", not missing, "all there" if not missing else f"{', '.join(missing)}: reinstall `av` from its wheel"
    )


def _face_models() -> Finding:
    from spark_avatar.face.analyzer import FaceAnalyzer

    try:
        FaceAnalyzer().warm_up()
    except Exception as error:  # noqa: BLE001  (whatever keeps the models from loading is the finding)
        return Finding("face models", False, f"{type(error).__name__}: run `make setup`")
    return Finding("face models", True, f"mediapipe {importlib.metadata.version('mediapipe')} runs")


def _weights() -> Finding:
    import numpy as np

    from spark_avatar.speech.articulation import articulation_network
    from spark_avatar.speech.mel import BANDS

    try:
        articulation_network().run(np.zeros((100, BANDS), np.float32))
    except Exception as error:  # noqa: BLE001  (whatever keeps the network from running is the finding)
        return Finding("weights", False, f"{type(error).__name__}: reinstall spark-avatar")
    return Finding("weights", True, "the articulation network runs")


def _provenance(settings: "Settings") -> Finding:
    """Whether videos can be marked and signed, and by whom. Makes no certificate: the first start does."""
    from spark_avatar.provenance.provenance import Provenance
    from spark_avatar.wiring import provenance_of

    provenance = provenance_of(settings)
    if provenance.rules.certificate is None and not provenance.made:
        provenance = Provenance(replace(provenance.rules, folder=None))
    try:
        provenance.check()
        return Finding("provenance", True, provenance.describe())
    except SparkAvatarError as error:
        return Finding("provenance", False, error.message)


def _folder(folder: Path, least_bytes: int) -> Finding:
    """Whether it can be written to, and whether workers with it take tasks."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    fault = ""
    if not os.access(existing, os.W_OK):
        fault = ": not writable"
    elif free < max(least_bytes, _LEAST_FREE_BYTES):
        fault = ": nearly full" if free >= least_bytes else ": full, no tasks are taken (SPARK_AVATAR_MIN_FREE_BYTES)"
    return Finding("data folder", not fault, f"{folder} ({free / 1e9:.1f} GB free){fault}")


def _database(settings: "Settings") -> Finding:
    """Asks it once; not a file that no server has made yet."""
    from sqlalchemy import make_url, text

    from spark_avatar.app.adapters import database_url_of
    from spark_avatar.database.engine import open_database, reading

    address = make_url(database_url_of(settings))
    where = "SQLite" if address.get_backend_name() == "sqlite" else f"PostgreSQL at {address.host or 'its socket'}"
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        return Finding("database", True, f"{where}, not made yet")
    try:
        engine = open_database(database_url_of(settings))
        try:
            with reading(engine) as connection:
                connection.execute(text("SELECT 1"))
        finally:
            engine.dispose()
    except SparkAvatarError as error:
        return Finding("database", False, error.message)
    except Exception as error:  # noqa: BLE001  (whatever the driver says is the finding)
        told = mendable(error)
        return Finding("database", False, told.message if told is not None else f"{where}: {type(error).__name__}")
    return Finding("database", True, f"{where} answers")


def _broker(settings: "Settings") -> Finding:
    from spark_avatar.app.broker import ask_broker

    try:
        return Finding("broker", True, f"{ask_broker(settings)} answers")
    except SparkAvatarError as error:
        return Finding("broker", False, error.message)
    except Exception as error:  # noqa: BLE001  (whatever the driver says is the finding; the address holds a password)
        fault = "does not answer, or refuses: mend SPARK_AVATAR_BROKER_URL, or start it"
        return Finding("broker", False, f"RabbitMQ {fault} ({type(error.__cause__ or error).__name__})")


def _rate_store(settings: "Settings") -> Finding:
    from spark_avatar.api.rate_limits import store_answers

    fault = "Redis does not answer, and nobody is limited: mend SPARK_AVATAR_RATE_STORE_URL, or start it"
    try:
        answers = store_answers(settings.rate_store_url or "")
    except SparkAvatarError as error:
        return Finding("rate limits", False, error.message)
    return Finding("rate limits", answers, "Redis answers" if answers else fault)


def _trust(settings: "Settings") -> Finding:
    """The certificates that `verify` believes."""
    from spark_avatar.provenance.examine import check_trust

    file = settings.provenance_trust
    assert file is not None
    try:
        count = check_trust(file)
    except SparkAvatarError as error:
        return Finding("trust", False, f"SPARK_AVATAR_PROVENANCE_TRUST, {file}: {error.message}")
    return Finding("trust", True, f"{count} certificate{'s' if count > 1 else ''} to believe")


def _misspelt() -> list[Finding]:
    from spark_avatar.config import unknown_variables

    return [
        Finding(
            "settings", False, f"{name} is no setting: {f'{meant} is' if meant else 'docs/settings.md names them'}", grave=False
        )
        for name, meant in unknown_variables().items()
    ]


def _storage(settings: "Settings") -> Finding:
    """Writes, reads and removes a small file; not for a folder that no server has made yet."""
    from spark_avatar.app.adapters import files_of, storage_of
    from spark_avatar.storage.keys import probe_key

    where = settings.storage_url.partition("://")[0] if settings.storage_url else "a folder in the data folder"
    if settings.storage_url is None and not settings.data_dir.exists():
        return Finding("storage", True, f"{where}, not made yet")
    try:
        storage, key = storage_of(settings), probe_key()
        storage.check()
        files_of(settings, storage)
        storage.put(key, b"spark-avatar doctor")
        found = b"".join(storage.read(key, 0, storage.head(key).size))
        storage.delete(key)
    except SparkAvatarError as error:
        return Finding("storage", False, f"{where}: {error.message}")
    return Finding("storage", found == b"spark-avatar doctor", f"{where}: a file was written, read and removed")
