"""`spark-avatar engines`: what can render, here and elsewhere."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, JsonOutput, load_settings, load_store_settings

cli = typer.Typer(help="The engines that can render.", no_args_is_help=True)
_Server = Annotated[str, typer.Argument(help="Address of the ComfyUI server, as in SPARK_AVATAR_COMFYUI_URLS.")]


@cli.command("list")
def list_engines(json_output: JsonOutput = False, data_dir: DataDir = None) -> None:
    """Show the engines that are installed or set up."""
    from spark_avatar.wiring import engine_registry

    names = engine_registry(load_settings(data_dir)).names()
    typer.echo(json.dumps(names) if json_output else "\n".join(names))


@cli.command("check")
def check(json_output: JsonOutput = False, data_dir: DataDir = None) -> None:
    """Ask every remote server whether it can do its work: nodes, models, keys. Exits with 1 if one cannot."""
    from spark_avatar.app.openings import open_drained_servers
    from spark_avatar.wiring import check_engines

    settings = load_store_settings(data_dir)
    findings = list(check_engines(settings, open_drained_servers(settings).drained))
    if json_output:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    for finding in () if json_output else findings:
        typer.echo(f"{'ok     ' if finding.fine else 'FAILED '}  {finding.engine}  {finding.server}  {finding.detail}")
    if not findings and not json_output:
        typer.echo("no remote engine is set up: see SPARK_AVATAR_COMFYUI_URLS and SPARK_AVATAR_REMOTE_URL")
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


@cli.command("drain")
def drain(server: _Server, data_dir: DataDir = None) -> None:
    """Send no new jobs to a ComfyUI server, from any machine; those that run there go on."""
    from spark_avatar.app.openings import open_drained_servers
    from spark_avatar.wiring import known_server

    settings = load_store_settings(data_dir)
    open_drained_servers(settings).drain(known_server(settings, server))
    typer.echo(f"{server} gets no new jobs")


@cli.command("resume")
def resume(server: _Server, data_dir: DataDir = None) -> None:
    """Send jobs to a drained ComfyUI server again."""
    from spark_avatar.app.openings import open_drained_servers
    from spark_avatar.wiring import known_server

    settings = load_store_settings(data_dir)
    open_drained_servers(settings).resume(known_server(settings, server))
    typer.echo(f"{server} gets jobs again")
