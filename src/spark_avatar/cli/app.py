"""The command tree, and the only table of exit codes. Commands import what they need when they run: `--help` stays instant."""

import sys
from typing import Annotated, NoReturn

import typer

import spark_avatar
from spark_avatar.cli import (
    accounts,
    analyze,
    audit_log,
    backup,
    balance,
    demo,
    doctor,
    engines,
    keys,
    render,
    serve,
    tasks,
    track,
    users,
    verify,
    worker,
)
from spark_avatar.cli.faults import mendable
from spark_avatar.errors import Canceled, ConfigurationError, InputError, SparkAvatarError

EXIT_CODES: tuple[tuple[type[SparkAvatarError], int], ...] = ((InputError, 3), (ConfigurationError, 4), (Canceled, 130))
"""By type, first match; any other error of ours is 1, wrong usage is 2."""

cli = typer.Typer(
    name="spark-avatar",
    help="One portrait and one recording in, a lip-synced talking video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command("render")(render.render_command)
cli.command("track")(track.track_command)
cli.command("serve")(serve.serve)
cli.command("worker")(worker.worker)
cli.command("analyze")(analyze.analyze)
cli.command("demo")(demo.demo)
cli.command("verify")(verify.verify)
cli.command("audit")(audit_log.audit)
cli.command("doctor")(doctor.doctor)
cli.command("backup")(backup.backup)
cli.command("restore")(backup.restore)
cli.add_typer(accounts.cli, name="accounts")
cli.add_typer(users.cli, name="users")
cli.add_typer(keys.cli, name="keys")
cli.add_typer(balance.cli, name="balance")
cli.add_typer(tasks.cli, name="tasks")
cli.add_typer(engines.cli, name="engines")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spark-avatar {spark_avatar.__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
    del version


def main() -> None:
    """The console script: runs a command and turns errors into one line and an exit code."""
    try:
        cli()
    except SparkAvatarError as error:
        _end(error)
    except Exception as error:
        told = mendable(error)
        if told is None:
            raise
        _end(told)


def _end(error: SparkAvatarError) -> NoReturn:
    typer.echo(f"error: {error.message}", err=True)
    sys.exit(next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1))
