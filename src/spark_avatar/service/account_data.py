"""Everything of an account in one archive, and its end."""

import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from spark_avatar.accounts.account_records import AccountRecords
from spark_avatar.accounts.audit import Actor, AuditLog
from spark_avatar.errors import NotFound, ObjectNotFound
from spark_avatar.schemas.identity import AccountId
from spark_avatar.service.tasks import TaskService
from spark_avatar.storage.keys import account_prefixes
from spark_avatar.storage.storage import Storage, StoredObject

_PAGE: Final = 100
_DAWN: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the rows hold the true ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erasure:
    """What went."""

    tasks: int
    files: int
    users: int


@dataclass(frozen=True)
class AccountData:
    """What the law asks for: a copy of everything (GDPR, article 20), and that nothing stays (article 17)."""

    records: AccountRecords
    tasks: TaskService
    storage: Storage
    audit: AuditLog

    def export(self, account_id: AccountId, *, actor: Actor) -> Iterator[bytes]:
        """A ZIP archive as it is made: `records/TABLE.jsonl`, a row on each line, and `files/KEY` for uploads, inputs and videos.
        Raises `NotFound`, before the first byte.
        """
        self._check(account_id)
        self.audit.record("account.exported", actor=actor, account=account_id)
        return _zipped(self._entries(account_id))

    def erase(self, account_id: AccountId, *, actor: Actor) -> Erasure:
        """Ends the account: nobody gets in, tasks that run are cancelled, then tasks, files and records go, and users who
        belong to no other account. The ledger's entries stay under a pseudonym. What fails half way can be asked for again.
        Raises `NotFound`.
        """
        self._check(account_id)
        self.records.lock_out(account_id)
        tasks, files = self._remove_tasks(account_id), self._remove_files(account_id)
        erased = self.records.erase(account_id)
        # A request that was under way at the first look may have stored something since.
        tasks, files = tasks + self._remove_tasks(account_id), files + self._remove_files(account_id)
        erasure = Erasure(tasks, files, erased.users)
        self.audit.record("account.erased", actor=actor, subject=f"account:{erased.pseudonym}", details=dict(vars(erasure)))
        _log.info("account erased", extra=vars(erasure))
        return erasure

    def _check(self, account_id: AccountId) -> None:
        if not self.records.exists(account_id):
            raise NotFound("There is no such account.")

    def _remove_tasks(self, account_id: AccountId) -> int:
        removed = 0
        while page := self.tasks.store.recent(account_id, limit=_PAGE):
            for task in page:
                self.tasks.cancel(task.id, caller=None)
                self.tasks.files.remove(task)
                self.tasks.store.remove(task.id)
            removed += len(page)
        return removed

    def _remove_files(self, account_id: AccountId) -> int:
        found = self._files(account_id)
        for stored in found:
            self.storage.delete(stored.key)
        return len(found)

    def _files(self, account_id: AccountId) -> list[StoredObject]:
        return [stored for prefix in account_prefixes(account_id) for stored in self.storage.list(prefix)]

    def _entries(self, account_id: AccountId) -> Iterator[tuple[str, Iterable[bytes], bool]]:
        """Name, content and whether to compress it."""
        for table, rows in self.records.export(account_id):
            yield f"records/{table}.jsonl", (json.dumps(row).encode() + b"\n" for row in rows), True
        for stored in self._files(account_id):
            try:
                content = self.storage.read(stored.key, 0, stored.size)
            except ObjectNotFound:
                continue  # removed meanwhile
            yield f"files/{stored.key}", content, False


class _Outlet:
    """Where the archive is written to: keeps the bytes until they are taken."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def close(self) -> None:
        """Nothing is to be closed."""

    def take(self) -> list[bytes]:
        """What was written since the last time."""
        taken, self._chunks = self._chunks, []
        return taken


def _zipped(entries: Iterable[tuple[str, Iterable[bytes], bool]]) -> Iterator[bytes]:
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:
        for name, content, compressed in entries:
            entry = zipfile.ZipInfo(name, _DAWN)
            entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as file:
                for chunk in content:
                    file.write(chunk)
                    yield from outlet.take()
            yield from outlet.take()
    yield from outlet.take()
