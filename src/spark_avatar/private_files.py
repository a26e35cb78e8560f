"""Folders and files for their owner only: what the server keeps is faces, voices and secrets, and other users of the machine have
no business there. What exists already keeps its mode: whoever made it may have had reasons.
"""

import os
from pathlib import Path

from spark_avatar.errors import ConfigurationError


def make_private_folder(folder: Path) -> None:
    """Makes the folder where it is missing, and those above it. `Path.mkdir(mode, parents=True)` would make only the last of them
    private.
    """
    for place in (*reversed(folder.parents), folder):
        place.mkdir(mode=0o700, exist_ok=True)


def make_folder_of(setting: str, folder: Path) -> None:
    """As `make_private_folder`. Raises `ConfigurationError`, which names the setting, where there can be no folder."""
    try:
        make_private_folder(folder)
    except (FileExistsError, FileNotFoundError) as error:
        raise ConfigurationError(f"The folder {folder} cannot be made: {error.strerror}. Name another by {setting}.") from error


def keep_to_owner() -> None:
    """Whatever this process and those that it starts write from now on is for their user alone, by whichever library, and in
    whosever folder.
    """
    os.umask(0o077)


def make_private_file(path: Path) -> None:
    """Makes an empty file. Raises `FileExistsError` where there is one, without opening it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
