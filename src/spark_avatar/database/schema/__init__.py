"""The tables. Only what is searched, sorted or fenced by is a column; the rest are JSON documents with a version."""

from spark_avatar.database.schema.accounts import (
    accounts,
    api_keys,
    device_logins,
    device_proofs,
    invitations,
    login_failures,
    memberships,
    sessions,
    tokens,
    users,
)
from spark_avatar.database.schema.audit import audit_events
from spark_avatar.database.schema.base import metadata
from spark_avatar.database.schema.deliveries import webhook_attempts, webhook_deliveries, webhook_endpoints
from spark_avatar.database.schema.elsewhere import drained_servers, engine_notes
from spark_avatar.database.schema.fleet import chores, workers
from spark_avatar.database.schema.ledger import balances, holds, key_spending, ledger_entries, ledger_postings, usage_records
from spark_avatar.database.schema.segments import segments
from spark_avatar.database.schema.staging import staged_tasks
from spark_avatar.database.schema.tasks import idempotency_keys, tasks, turns, webhooks
from spark_avatar.database.schema.totals import stage_totals

__all__ = [
    "accounts",
    "api_keys",
    "audit_events",
    "balances",
    "chores",
    "device_logins",
    "device_proofs",
    "drained_servers",
    "engine_notes",
    "holds",
    "idempotency_keys",
    "invitations",
    "key_spending",
    "ledger_entries",
    "ledger_postings",
    "login_failures",
    "memberships",
    "metadata",
    "segments",
    "sessions",
    "stage_totals",
    "staged_tasks",
    "tasks",
    "tokens",
    "turns",
    "usage_records",
    "users",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
    "webhooks",
    "workers",
]
