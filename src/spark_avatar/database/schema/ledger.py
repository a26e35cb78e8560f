"""Money: a double-entry ledger, what follows from it, and what was used. Amounts are exact (`Money`)."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table

from spark_avatar.database.money import Money
from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("task_id", String),
    Column("key_id", String),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("note", String, nullable=False),
    # What makes the entry happen once, e.g. `capture:TASK`.
    Column("occasion", String, nullable=False, unique=True),
    Index("ix_ledger_entries_account", "account_id", "created_at"),
    Index("ix_ledger_entries_task", "task_id"),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("entry_id", String, ForeignKey("ledger_entries.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    # `available:ACCOUNT`, `held:ACCOUNT`, `revenue` or `funding`.
    Column("book", String, nullable=False),
    # The amounts of an entry add up to nothing.
    Column("amount", Money, nullable=False),
    Index("ix_ledger_postings_book", "book"),
)

balances = Table(
    "balances",
    metadata,
    Column("account_id", String, primary_key=True),
    # The sums of the two books, kept beside them so that one row settles whether there is enough.
    Column("available", Money, nullable=False),
    Column("held", Money, nullable=False),
    Column("recharged", Money, nullable=False),
    Column("credit_limit", Money, nullable=False),
)

key_spending = Table(
    "key_spending",
    metadata,
    Column("key_id", String, primary_key=True),
    # `2026-11`, in UTC.
    Column("month", String, primary_key=True),
    Column("spent", Money, nullable=False),
    Column("held", Money, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    # The month whose budget it counts against.
    Column("month", String, nullable=False),
    Column("amount", Money, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
)
"""What is set aside for tasks that have not ended."""

usage_records = Table(
    "usage_records",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("model", String, nullable=False),
    Column("ended_at", UtcMicroseconds, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("compute_units", Integer, nullable=False),
    Column("cost", Money, nullable=False),
    Index("ix_usage_records_account", "account_id", "ended_at"),
)
"""One row for each completed task; stays when the task is deleted."""
