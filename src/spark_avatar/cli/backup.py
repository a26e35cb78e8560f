"""`spark-avatar backup` and `restore`: the data folder in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from spark_avatar.cli.options import DataDir, check_target, load_settings, make_data_folder


def backup(
    file: Annotated[Path, typer.Argument(help="The tar file to write; it holds secrets.", dir_okay=False)],
    data_dir: DataDir = None,
) -> None:
    """Write database, files and secrets of the data folder into one file; also beside a running server."""
    from spark_avatar.app.backup import back_up

    check_target(file)
    manifest = back_up(load_settings(data_dir), file)
    typer.echo(f"{file}: {manifest.files} files, {manifest.bytes} bytes, schema {manifest.schema}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.", exists=True, dir_okay=False)],
    data_dir: DataDir = None,
) -> None:
    """Make the data folder of a backup, where there is none."""
    from spark_avatar.app.backup import restore as restore_data

    settings = load_settings(data_dir)
    make_data_folder(settings)
    manifest = restore_data(settings, file)
    typer.echo(f"{manifest.files} files restored, of release {manifest.release}")
