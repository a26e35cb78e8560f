"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spark_avatar.config import Settings

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="SPARK_AVATAR_DATA_DIR", help="Folder for the database, files and scratch space."),
]


def load_settings(data_dir: Path | None = None, **overrides: object) -> "Settings":
    """Settings of the environment, with the options given on the command line in front."""
    from pydantic import ValidationError

    from spark_avatar.config import Settings
    from spark_avatar.errors import ConfigurationError

    given = {name: value for name, value in {"data_dir": data_dir, **overrides}.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"SPARK_AVATAR_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"The settings cannot be used: {faults}") from error
