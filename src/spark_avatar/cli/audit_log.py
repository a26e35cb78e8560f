"""`spark-avatar audit`: what happened that matters to security."""

import json
from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_store_settings


def audit(
    account: Annotated[str | None, typer.Option(help="Of this workspace only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many events.")] = 50,
    data_dir: DataDir = None,
    json_output: JsonOutput = False,
) -> None:
    """Show the audit log, the newest first."""
    from spark_avatar.app.account_openings import open_audit_log
    from spark_avatar.app.openings import check_account

    settings = load_store_settings(data_dir)
    events = open_audit_log(settings).page(account, limit=limit)
    if account is not None and not events:
        check_account(settings, account)
    for event in events:
        if json_output:
            typer.echo(json.dumps(vars(event) | {"created_at": event.created_at.isoformat(), "details": dict(event.details)}))
            continue
        details = " ".join(f"{name}={value}" for name, value in event.details.items())
        words = [f"{event.created_at:%Y-%m-%d %H:%M:%S}", event.action, event.actor, event.subject or "-"]
        typer.echo("  ".join([*words, event.account_id or "-", event.address or "-", details]).rstrip())
