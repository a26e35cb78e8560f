"""`spark-avatar keys`: who may call the service."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_store_settings

if TYPE_CHECKING:
    from spark_avatar.accounts.keys import ApiKey
    from spark_avatar.accounts.roles import Scope
    from spark_avatar.service.key_management import KeyService

cli = typer.Typer(help="Create, list, rotate and revoke API keys; works beside a running server.", no_args_is_help=True)


def _keys(data_dir: DataDir) -> "KeyService":
    from spark_avatar.app.account_openings import open_key_service

    return open_key_service(load_store_settings(data_dir))


@cli.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    account: Annotated[str, typer.Option(help="The workspace that its tasks belong to.")] = "default",
    scope: Annotated[
        list[str] | None, typer.Option(help="generate, read or admin; may be repeated.  [default: generate, read]")
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends, in UTC.  [default: never]")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model that it may use; may be repeated.  [default: all]")] = None,
    rate: Annotated[str | None, typer.Option(help="E.g. 100/minute.  [default: the server's]")] = None,
    budget: Annotated[str | None, typer.Option(help="US dollars in a calendar month.  [default: none]")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it: this once, only its hash is kept."""
    from spark_avatar.accounts.audit import OPERATOR
    from spark_avatar.accounts.keys import KeyTerms
    from spark_avatar.accounts.roles import USUAL_SCOPES

    terms = KeyTerms(
        scopes=_scopes(scope) if scope else USUAL_SCOPES,
        expires_at=expires.replace(tzinfo=UTC) if expires is not None else None,
        models=frozenset(model) if model else None,
        rate_limit=rate,
        monthly_budget=_amount(budget),
    )
    _, secret = _keys(data_dir).create(account, name, terms, OPERATOR)
    typer.echo(secret)


@cli.command("list")
def list_keys(
    account: Annotated[str | None, typer.Option(help="Of this workspace only.")] = None,
    data_dir: DataDir = None,
    json_output: JsonOutput = False,
) -> None:
    """Show all keys."""
    from spark_avatar.app.openings import check_account

    found = _keys(data_dir).keys.list(account)
    if account is not None and not found:
        check_account(load_store_settings(data_dir), account)
    if json_output:
        typer.echo(json.dumps([_row(key) for key in found]))
        return
    for key in found:
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        scopes = ",".join(sorted(key.terms.scopes))
        typer.echo(f"{key.id}  {key.prefix}...  {key.name}  account {key.account_id}  {scopes}  last used {used}  {_state(key)}")


@cli.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(help="Id, prefix or name of the key, or the key itself.")],
    grace: Annotated[int, typer.Option(min=0, help="Seconds that the old one still works.")] = 86_400,
    data_dir: DataDir = None,
) -> None:
    """Make a key on the same terms and print it; the old one ends when the grace is over."""
    from spark_avatar.accounts.audit import OPERATOR

    keys = _keys(data_dir)
    old = keys.find_one(key)
    _, secret = keys.rotate(old.account_id, old.id, timedelta(seconds=grace), OPERATOR)
    typer.echo(secret)


@cli.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id, prefix or name of the key, or the key itself.")], data_dir: DataDir = None
) -> None:
    """Make a key useless, at once; a name ends all keys that have it, in every workspace."""
    from spark_avatar.accounts.audit import OPERATOR

    for ended in _keys(data_dir).revoke_all(key, OPERATOR):
        typer.echo(f"revoked {ended.prefix}...  {ended.name}  account {ended.account_id}", err=True)


def _scopes(words: list[str]) -> "frozenset[Scope]":
    from spark_avatar.accounts.roles import Scope

    unknown = sorted(set(words) - set(Scope))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: a scope is one of {', '.join(Scope)}.", param_hint="--scope")
    return frozenset(map(Scope, words))


def _amount(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount of money.", param_hint="--budget") from None


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    if key.terms.expires_at is None:
        return "active"
    word = "active until" if key.is_live(datetime.now(UTC)) else "expired"
    return f"{word} {key.terms.expires_at:%Y-%m-%d %H:%M}"


def _row(key: "ApiKey") -> dict[str, object]:
    def moment(time: datetime | None) -> str | None:
        return time.isoformat() if time is not None else None

    terms = key.terms
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "account": key.account_id,
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.last_used_at),
        "last_used_address": key.last_used_address,
        "revoked_at": moment(key.revoked_at),
        "expires_at": moment(terms.expires_at),
        "rotated_to": key.rotated_to,
        "scopes": sorted(terms.scopes),
        "models": sorted(terms.models) if terms.models is not None else None,
        "rate_limit": terms.rate_limit,
        "monthly_budget": f"{terms.monthly_budget:f}" if terms.monthly_budget is not None else None,
    }
