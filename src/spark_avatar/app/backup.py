"""Backup and restore of the embedded default: SQLite, files in a folder, and the secrets that belong to them.

A backup is a tar file of the data folder's lasting part. The files are set aside twice by hard links, before and after the
database is copied: whatever the copied database names is then among them, also what was deleted a moment later. Files that it
does not name are swept by the server that starts on the restored folder.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import spark_avatar
from spark_avatar.config import Settings
from spark_avatar.database import sqlite
from spark_avatar.database.backup import copy_database, schema_of
from spark_avatar.database.migrate import newest_revision, upgrade
from spark_avatar.errors import ConfigurationError
from spark_avatar.private_files import make_private_folder
from spark_avatar.provenance.provenance import FOLDER as PROVENANCE

_DATABASE: Final = "spark-avatar.sqlite3"
_FILES: Final = "files"
_LASTING: Final = ("secret", PROVENANCE)
"""Of the data folder, beside database and files. All else are locks, scratch and samples."""
_MANIFEST: Final = "backup.json"
_FORMAT: Final = 1


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself, as its first member."""

    format: int
    release: str
    schema: str
    files: int
    """Members that follow."""
    bytes: int
    """In all of them."""


def back_up(settings: Settings, target: Path) -> Manifest:
    """Writes a backup, readable by its owner only, beside a running server or without one; `target` appears whole or not at all.

    Raises `ConfigurationError` where database or files are elsewhere, or there is nothing to back up.
    """
    _check_embedded(settings)
    database = settings.data_dir / _DATABASE
    if not database.exists():
        raise ConfigurationError("There is nothing to back up: the data folder has no database.")
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.data_dir) as name:
        stage = Path(name)
        _set_aside(settings.data_dir / _FILES, stage / _FILES)
        copy_database(database, stage / _DATABASE)
        _set_aside(settings.data_dir / _FILES, stage / _FILES)
        for lasting in _LASTING:
            _set_aside(settings.data_dir / lasting, stage / lasting)
        members = sorted(path for path in stage.rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in members)
        manifest = Manifest(_FORMAT, spark_avatar.__version__, schema_of(stage / _DATABASE), len(members), size)
        (stage / _MANIFEST).write_text(json.dumps(asdict(manifest)))
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as tar:
                    for path in (stage / _MANIFEST, *members):
                        tar.add(path, arcname=path.relative_to(stage).as_posix(), filter=_anonymous)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return manifest


def restore(settings: Settings, source: Path) -> Manifest:
    """Makes the data folder of a backup, and brings its database to this release's schema. Raises `ConfigurationError` where
    there is a database or files already, or the backup is damaged, cut short, or of a later release; then nothing is changed.
    """
    _check_embedded(settings)
    for name in (_DATABASE, _FILES, *_LASTING):
        if (settings.data_dir / name).exists():
            raise ConfigurationError(f"The data folder has `{name}` already: stop the server, and move the folder away first.")
    make_private_folder(settings.data_dir)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.data_dir) as name:
        stage = Path(name)
        manifest = _unpack(source, stage)
        found = schema_of(stage / _DATABASE)
        if found > newest_revision():
            raise ConfigurationError(f"The backup is of a later release ({manifest.release}): restore it with that.")
        upgrade(sqlite.url_of(stage / _DATABASE))
        (stage / _MANIFEST).unlink()
        for path in (stage / part for part in (_FILES, *_LASTING, _DATABASE)):  # the database last: then all is there
            if path.exists():
                path.rename(settings.data_dir / path.name)
    return manifest


def _check_embedded(settings: Settings) -> None:
    for value, name in ((settings.database_url, "DATABASE_URL"), (settings.storage_url, "STORAGE_URL")):
        if value is not None:
            raise ConfigurationError(
                f"SPARK_AVATAR_{name} is set: this backs up only what is in the data folder. Use the tools of that system."
            )


def _set_aside(source: Path, target: Path) -> None:
    """Links a file, or all files below a folder, that are not there yet; copies where links cannot be made."""
    for path in (source,) if source.is_file() else _files_below(source):
        kept = target if path == source else target / path.relative_to(source)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            kept.hardlink_to(path)
        except (FileExistsError, FileNotFoundError):
            continue  # seen before; deleted just now
        except OSError:  # no links here, or another disk
            with suppress(FileNotFoundError):
                shutil.copy2(path, kept)


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names if "#" not in name)  # half-written ones are marked so


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _unpack(source: Path, stage: Path) -> Manifest:
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                _extract(tar, member, stage)
        manifest = Manifest(**json.loads((stage / _MANIFEST).read_text()))
    except (tarfile.TarError, OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{source.name} is no backup, or a damaged one: {type(error).__name__}.") from error
    files = [path for path in stage.rglob("*") if path.is_file() and path.name != _MANIFEST]
    size = sum(path.stat().st_size for path in files)
    if manifest.format != _FORMAT or (manifest.files, manifest.bytes) != (len(files), size):
        raise ConfigurationError(f"{source.name} is not whole: it has {len(files)} files of {manifest.files}.")
    return manifest


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, stage: Path) -> None:
    """Writes one file below `stage`. By hand, as the library guards against paths and links out of it from Python 3.11.4 on only.

    Raises `ValueError` for what no backup of ours has.
    """
    place = PurePosixPath(member.name)
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or place.is_absolute() or ".." in place.parts:
        raise ValueError(member.name)
    kept = stage / place
    make_private_folder(kept.parent)
    with content, kept.open("xb") as file:
        shutil.copyfileobj(content, file)
    kept.chmod(member.mode & 0o700)  # backups of earlier releases hold a database that all may read
    os.utime(kept, (member.mtime, member.mtime))
