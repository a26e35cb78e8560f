"""`spark-avatar balance`: what accounts have, and the operator's way of recharging them."""

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_store_settings

if TYPE_CHECKING:
    from spark_avatar.accounts.ledger.entries import Balance
    from spark_avatar.accounts.ledger.sql_ledger import SqlLedger

cli = typer.Typer(
    help="Show balances, recharge accounts, set credit limits; works beside a running server.", no_args_is_help=True
)

AccountName = Annotated[str, typer.Argument(help="The account.")]
Dollars = Annotated[str, typer.Argument(help="US dollars, e.g. 25 or 0.5.")]


@cli.command("show")
def show(
    account: Annotated[str, typer.Argument(help="The account; all by default.")] = "",
    data_dir: DataDir = None,
    json_output: JsonOutput = False,
) -> None:
    """Show what accounts have, hold and owe."""
    from spark_avatar.accounts.ledger.entries import Balance
    from spark_avatar.app.openings import check_account
    from spark_avatar.schemas.identity import AccountId

    ledger = _ledger(data_dir)
    found = [ledger.balance(AccountId(account))] if account else ledger.balances()
    if account and found == [Balance(AccountId(account))]:  # nothing, as of an account that is not there
        check_account(load_store_settings(data_dir), account)
    if json_output:
        typer.echo(json.dumps([_row(balance) for balance in found]))
        return
    for balance in found:
        typer.echo("  ".join(f"{name} {value}" for name, value in _row(balance).items()))


@cli.command("add", context_settings={"ignore_unknown_options": True})
def add(
    account: AccountName,
    amount: Annotated[str, typer.Argument(help="US dollars, e.g. 25 or 0.5; -5 takes 5 back.")],
    note: Annotated[str, typer.Option(help="What for; stands in the ledger.")] = "",
    reference: Annotated[str | None, typer.Option(help="A payment's number: the same one counts once.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Recharge an account, or take a recharge back."""
    from spark_avatar.schemas.identity import AccountId

    dollars = _dollars(amount)
    _tell(_ledger(data_dir).recharge(AccountId(account), dollars, note=note, reference=reference))
    _record("balance.recharged", account, dollars, data_dir)


@cli.command("set-credit")
def set_credit(account: AccountName, limit: Dollars, data_dir: DataDir = None) -> None:
    """Set how far a prepaid account may fall below nothing."""
    from spark_avatar.schemas.identity import AccountId

    dollars = _dollars(limit)
    _tell(_ledger(data_dir).set_credit(AccountId(account), dollars))
    _record("balance.credit_set", account, dollars, data_dir)


def _ledger(data_dir: DataDir) -> "SqlLedger":
    from spark_avatar.app.openings import open_ledger

    return open_ledger(load_store_settings(data_dir))


def _record(action: str, account: str, amount: Decimal, data_dir: DataDir) -> None:
    from spark_avatar.accounts.audit import OPERATOR
    from spark_avatar.app.account_openings import open_audit_log

    log = open_audit_log(load_store_settings(data_dir))
    log.record(action, actor=OPERATOR, account=account, details={"amount": f"{amount:f}"})


def _dollars(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount: write 25 or 0.5.") from None


def _row(balance: "Balance") -> dict[str, str]:
    from spark_avatar.service.prices import plain

    amounts = {
        "balance": balance.balance,
        "held": balance.held,
        "available": balance.spendable,
        "credit_limit": balance.credit_limit,
        "recharged": balance.recharged,
    }
    return {"account": balance.account_id, **{name: plain(amount) for name, amount in amounts.items()}}


def _tell(balance: "Balance") -> None:
    typer.echo("  ".join(f"{name} {value}" for name, value in _row(balance).items()))
