"""`spark-avatar serve`: the API, the web page and the workers in one process tree."""

from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, LogLevel, load_settings, make_data_folder
from spark_avatar.private_files import keep_to_owner


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8000,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes.  [default: half the cores]")] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines.")] = False,
    log_level: LogLevel = "info",
) -> None:
    """Serve the API and the web page; Ctrl-C lets running tasks finish."""
    from spark_avatar.app.server import run_server

    settings = load_settings(data_dir, workers=workers)
    keep_to_owner()
    make_data_folder(settings)
    run_server(settings, host=host, port=port, log_json=log_json, log_level=log_level)
