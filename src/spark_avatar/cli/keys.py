"""`spark-avatar keys`: who may call the service."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_settings

if TYPE_CHECKING:
    from spark_avatar.accounts.keys import KeyStore

cli = typer.Typer(help="Create, list and revoke API keys; works beside a running server.", no_args_is_help=True)


def _key_store(data_dir: DataDir) -> "KeyStore":
    from spark_avatar.app.openings import open_keys

    return open_keys(load_settings(data_dir))


@cli.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    account: Annotated[str, typer.Option(help="The account that its tasks belong to.")] = "default",
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it: this once, only its hash is kept."""
    _, secret = _key_store(data_dir).create(name, account=account)
    typer.echo(secret)


@cli.command("list")
def list_keys(data_dir: DataDir = None, json_output: JsonOutput = False) -> None:
    """Show all keys."""
    found = _key_store(data_dir).list()
    if json_output:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "prefix": key.prefix,
                "account": key.account_id,
                "created_at": key.created_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            }
            for key in found
        ]
        typer.echo(json.dumps(rows))
        return
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "active"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        typer.echo(f"{key.id}  {key.prefix}...  {key.name}  account {key.account_id}  last used {used}  {state}")


@cli.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="Id, prefix or name of the key.")], data_dir: DataDir = None) -> None:
    """Make a key useless, at once."""
    _key_store(data_dir).revoke(key)
    typer.echo(f"revoked {key}", err=True)
