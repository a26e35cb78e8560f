"""`spark-avatar worker`: workers that take tasks through a broker."""

from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, LogLevel, load_settings, make_data_folder
from spark_avatar.private_files import keep_to_owner


def worker(
    engines: Annotated[
        str, typer.Option(help="Engines whose tasks it takes, comma-separated.  [default: all that are installed]")
    ] = "",
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=256, help="Tasks at the same time, each in a process.  [default: half the cores]")
    ] = None,
    data_dir: DataDir = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines.")] = False,
    log_level: LogLevel = "info",
) -> None:
    """Run tasks of a server that shares SPARK_AVATAR_BROKER_URL; SIGTERM and Ctrl-C let running tasks finish."""
    from spark_avatar.app.queue_worker import run_queue_workers
    from spark_avatar.telemetry import Logging

    settings = load_settings(data_dir, workers=concurrency)
    keep_to_owner()
    make_data_folder(settings)
    names = [name.strip() for name in engines.split(",") if name.strip()]
    raise typer.Exit(run_queue_workers(settings, Logging(json=log_json, level=log_level), engines=names))
