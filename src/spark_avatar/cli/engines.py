"""`spark-avatar engines`: what can render here."""

import json

import typer

from spark_avatar.cli.options import JsonOutput

cli = typer.Typer(help="The engines that can render.", no_args_is_help=True)


@cli.command("list")
def list_engines(json_output: JsonOutput = False) -> None:
    """Show the installed engines."""
    from spark_avatar.engines.registry import EngineRegistry

    names = EngineRegistry().names()
    typer.echo(json.dumps(names) if json_output else "\n".join(names))
