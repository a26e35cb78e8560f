"""Writing entries: the one place where rows of the ledger are made."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, insert

from spark_avatar.accounts.ledger.entries import EntryKind
from spark_avatar.database.schema import ledger_entries, ledger_postings
from spark_avatar.schemas.identity import AccountId, TaskId

_ADD_ENTRY = insert(ledger_entries)
_ADD_POSTINGS = insert(ledger_postings)


def post(
    connection: Connection,
    kind: EntryKind,
    *,
    account_id: AccountId,
    amounts: Mapping[str, Decimal],
    now: datetime,
    occasion: str | None = None,
    task_id: TaskId | None = None,
    key_id: str | None = None,
    note: str = "",
) -> None:
    """Adds an entry. `amounts` by book; they add up to nothing, and books without a change are left out. The database refuses
    a second entry of the same `occasion`; without one the entry may come any number of times.
    """
    if sum(amounts.values()) != 0:
        raise ValueError(f"a {kind} entry does not balance: {dict(amounts)}")
    entry_id = uuid.uuid4().hex
    entry = {
        "id": entry_id,
        "kind": kind.value,
        "account_id": account_id,
        "task_id": task_id,
        "key_id": key_id,
        "created_at": now,
        "note": note,
        "occasion": occasion or f"{kind.value}:{entry_id}",
    }
    postings = [
        {"entry_id": entry_id, "line": line, "book": book, "amount": amount}
        for line, (book, amount) in enumerate((book, amount) for book, amount in amounts.items() if amount)
    ]
    connection.execute(_ADD_ENTRY, entry)
    connection.execute(_ADD_POSTINGS, postings)
