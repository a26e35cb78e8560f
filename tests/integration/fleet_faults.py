"""Disks that are filled and clocks that are set, for single processes of a fleet."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from fleet_machines import Machine

MEBIBYTE = 1024 * 1024
DISK_BYTES = 40 * MEBIBYTE
_MOUNT = (
    'mkdir -p "$SPARK_AVATAR_DATA_DIR/work" && '
    f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$SPARK_AVATAR_DATA_DIR/work" && exec "$@"'
)
_NAMESPACES = (("unshare", "--user", "--map-root-user", "--mount"), ("unshare", "--mount"))
"""Ways to a mount table of one's own: as any user, where the system lets users have namespaces; as root."""


def on_a_small_disk() -> tuple[str, ...]:
    """The command that runs a worker whose scratch folder is a file system of its own; empty where this system lets nobody mount
    one for himself.
    """
    for namespace in _NAMESPACES if shutil.which("unshare") else ():
        probe = [*namespace, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
            return (*namespace, "sh", "-c", _MOUNT, "sh")
    return ()


class SmallDisk:
    """The scratch disk of such a worker, seen from outside of its mount namespace."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def _folder(self) -> Path:
        return Path(f"/proc/{self.machine.pid}/root{self.machine.folder}/work")

    @property
    def free(self) -> int:
        return shutil.disk_usage(self._folder).free

    def fill(self, *, but: int) -> None:
        """Raises `OSError` while the worker has not mounted it: the system's own disk must not be filled."""
        if shutil.disk_usage(self._folder).total > DISK_BYTES:
            raise FileNotFoundError("not mounted yet")
        with (self._folder / "filler").open("ab") as file:
            while self.free > but:
                file.write(bytes(min(MEBIBYTE, self.free - but)))
                file.flush()

    def clear(self) -> None:
        (self._folder / "filler").unlink(missing_ok=True)


def clock_library() -> Path | None:
    """What is loaded before the C library to set a process' clock; of the Python package libfaketime only this file is used."""
    spec = importlib.util.find_spec("libfaketime")
    folders = spec.submodule_search_locations if spec is not None else None
    return next(Path(folders[0]).rglob("libfaketime.so.1"), None) if folders else None


class SkewedClock:
    """The environment of processes that share a clock which can be set. Their monotonic clock stays right."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, hours: float) -> None:
        """Before or behind the system's clock."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{hours * 3600:+.0f}\n")
        beside.replace(self._file)
