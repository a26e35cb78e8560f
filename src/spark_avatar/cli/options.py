"""Options that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spark_avatar.errors import ConfigurationError, InvalidOptions
from spark_avatar.private_files import make_private_folder

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from spark_avatar.config import Settings

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="SPARK_AVATAR_DATA_DIR", help="Folder for the database, files and scratch space."),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(case_sensitive=False, help="What is logged, and all that is graver."),
]


def load_settings(data_dir: Path | None = None, **overrides: object) -> "Settings":
    """Settings of the environment, with the options given on the command line in front. Raises `ConfigurationError`."""
    from pydantic import ValidationError

    from spark_avatar.config import Settings

    given = {name: value for name, value in {"data_dir": data_dir, **overrides}.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError(f"The settings cannot be used: {'; '.join(map(_fault, error.errors()))}") from error


def load_store_settings(data_dir: Path | None = None) -> "Settings":
    """The same for commands that open the database: the folder is made where it is kept in the data folder."""
    settings = load_settings(data_dir)
    if settings.database_url is None:
        make_data_folder(settings)
    return settings


def make_data_folder(settings: "Settings") -> None:
    """Makes the data folder, for its owner only, where there is none. Raises `ConfigurationError` where it cannot be used."""
    folder = settings.data_dir
    try:
        make_private_folder(folder)
        fault = "" if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "it may not be written to"
    except FileExistsError:
        fault = "it is a file"
    except OSError as error:
        fault = str(error.strerror)
    if fault:
        raise ConfigurationError(
            f"The data folder {folder} cannot be used: {fault}. Name another by --data-dir or SPARK_AVATAR_DATA_DIR."
        )


def check_target(file: Path) -> None:
    """Raises `InvalidOptions` where no file can be written: before the work, not after it."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise InvalidOptions(f"{file} cannot be written: there is no folder {folder}. Make it, or name another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidOptions(f"{file} cannot be written: the folder {folder} may not be written to. Name another.")


def _fault(details: "ErrorDetails") -> str:
    """Names the variable and says what is wrong; the value may be a secret, and is left out."""
    name, *inside = map(str, details["loc"])
    place = f" ({', '.join(inside)})" if inside else ""
    return f"SPARK_AVATAR_{name.upper()}{place}: {details['msg'].removeprefix('Value error, ')}"
