"""Tasks, the keys that make them once, the turns of accounts, and what is told at their end."""

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table

from spark_avatar.database.schema.base import metadata
from spark_avatar.database.times import UtcMicroseconds

tasks = Table(
    "tasks",
    metadata,
    Column("id", String, primary_key=True),
    # No foreign key: a task is a record of what was done, and stays when its account or key goes.
    Column("account_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("progress", Float, nullable=False),
    Column("stage", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", String),
    Column("lease_until", UtcMicroseconds),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("uploaded_at", UtcMicroseconds),
    Column("started_at", UtcMicroseconds),
    Column("ended_at", UtcMicroseconds),
    Column("failure_code", String),
    Column("request", JSON, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("usage", JSON(none_as_null=True)),
    Column("failure", JSON(none_as_null=True)),
    Column("metadata", JSON, nullable=False),
    # Which workers can take it; empty where a release stored it that knew no such column.
    Column("engine", String, nullable=False, server_default=""),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # The primary key settles which of two requests at the same moment makes the task.
    Column("account_id", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("task_id", String, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Index("ix_idempotency_keys_task", "task_id"),
    Index("ix_idempotency_keys_age", "created_at"),
)

turns = Table(
    "turns",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("served_at", UtcMicroseconds, nullable=False),
    Index("ix_turns_served", "served_at"),
)
"""When a task of the account was last claimed. Not read off the tasks: whoever deletes them must not come first."""

Index("ix_tasks_queues", tasks.c.status, tasks.c.account_id, tasks.c.created_at, tasks.c.id)
Index("ix_tasks_account", tasks.c.account_id, tasks.c.created_at, tasks.c.id)
# Partial, as few tasks fail: counting failures by code must not read the others.
Index(
    "ix_tasks_failures",
    tasks.c.failure_code,
    sqlite_where=tasks.c.failure_code.is_not(None),
    postgresql_where=tasks.c.failure_code.is_not(None),
)
# Partial, so that a new task does not pay for it.
Index(
    "ix_tasks_ended",
    tasks.c.ended_at,
    sqlite_where=tasks.c.ended_at.is_not(None),
    postgresql_where=tasks.c.ended_at.is_not(None),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("url", String, nullable=False),
    Column("created_at", UtcMicroseconds, nullable=False),
    Column("attempts", Integer, nullable=False),
    # When to try next, once the task has ended; nothing when it is over, well or badly.
    Column("next_at", UtcMicroseconds),
    Column("delivered_at", UtcMicroseconds),
    Column("last_status", Integer),
    Column("last_error", String),
)
Index("ix_webhooks_account", webhooks.c.account_id, webhooks.c.created_at)
Index(
    "ix_webhooks_due",
    webhooks.c.next_at,
    sqlite_where=webhooks.c.next_at.is_not(None),
    postgresql_where=webhooks.c.next_at.is_not(None),
)
