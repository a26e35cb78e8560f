"""The files that pages are made of: kept in memory, under an address that changes with them, so that browsers may keep them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Assets:
    """All files, by their path. Modules import each other relatively, so one version stands for all of them."""

    files: dict[str, Asset]
    version: str

    @classmethod
    def load(cls, folder: Path = STATIC) -> "Assets":
        """Reads the folder."""
        paths = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
        files = {path.relative_to(folder).as_posix(): Asset(path.read_bytes(), _TYPES[path.suffix]) for path in paths}
        digest = hashlib.sha256()
        for name, asset in files.items():
            digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        return cls(files, digest.hexdigest()[:12])

    def address(self, name: str) -> str:
        """Where a page finds a file. Raises `KeyError` for one that is not there."""
        if name not in self.files:
            raise KeyError(name)
        return f"/console/{self.version}/{name}"
