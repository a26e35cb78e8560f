"""The server's secret, which signs links."""

import os
import secrets
import sys
from pathlib import Path
from typing import Final

from spark_avatar.errors import ConfigurationError
from spark_avatar.private_files import make_private_folder

_LENGTH: Final = 32


def load_secret(path: Path) -> bytes:
    """The 32 bytes in this file; makes it, readable by its owner only, where there is none. Processes that start together
    all get the same. Raises `ConfigurationError` where others may read the file, or it holds something else.
    """
    if not path.exists():
        _create(path)
    # Windows has no such bits; there the folder's access list decides.
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise ConfigurationError(f"Other users may read the secret file `{path.name}`: run `chmod 600` on it, or remove it.")
    secret = path.read_bytes()
    if len(secret) != _LENGTH:
        raise ConfigurationError(f"The secret file `{path.name}` holds {len(secret)} bytes instead of {_LENGTH}: remove it.")
    return secret


def _create(path: Path) -> None:
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_LENGTH))
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole, and fails where another process was first: then that one's secret counts.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
