"""What worker processes of these tests do. Imported by the processes, so it is light."""

import os
import signal
import time
from pathlib import Path

from spark_avatar.dispatch.control import WorkerControl
from spark_avatar.dispatch.worker_loop import run_worker


def folder_worker(name: str, control: WorkerControl, folder: Path) -> None:
    """Takes files from `queue`, runs the word that they hold, and writes the worker's name to `done`."""
    (folder / "started").mkdir(exist_ok=True)
    (folder / "started" / f"{name.replace('/', '-')}.{os.getpid()}").touch()

    def claim() -> Path | None:
        for path in sorted((folder / "queue").iterdir()):
            mine = folder / "running" / path.name
            try:
                path.rename(mine)
            except FileNotFoundError:
                continue
            return mine
        return None

    def run(work: Path) -> None:
        order = work.read_text()
        if order == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "leave":
            os._exit(0)
        if order == "fail":
            raise ValueError("as ordered")
        until = time.monotonic() + float(order)
        while time.monotonic() < until:
            time.sleep(0.01)
            if control.aborting:
                work.rename(folder / "queue" / work.name)
                return
        (folder / "done" / work.name).write_text(f"{name} {os.getpid()}")
        work.unlink()

    run_worker(claim, run, control, poll_seconds=60)


def stubborn_worker(name: str, control: WorkerControl, folder: Path) -> None:
    """Hears nothing."""
    control.ready()
    control.busy()
    (folder / "started").mkdir(exist_ok=True)
    (folder / "started" / f"{name.replace('/', '-')}.{os.getpid()}").touch()
    while True:
        time.sleep(1)


def broken_worker(_name: str, _control: WorkerControl, folder: Path) -> None:
    """Never gets as far as to take a task."""
    (folder / "births").open("a").write(f"{time.monotonic()}\n")
    os._exit(3)
