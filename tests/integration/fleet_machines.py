"""Single processes of a fleet: `spark-avatar serve` and `spark-avatar worker`, each as on a machine of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from fleet_servers import PATIENCE, eventually, free_port


class Machine:
    """One process of the product, with a data folder and a log of its own."""

    def __init__(self, folder: Path, arguments: list[str], environment: Mapping[str, str], *, inside: Sequence[str] = ()) -> None:
        """`inside` is a command that runs the one that it is given."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._arguments = arguments
        self._inside = inside
        self._environment = {**environment, "SPARK_AVATAR_DATA_DIR": str(folder)}
        self.log = folder.parent / f"{folder.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [*self._inside, sys.executable, "-m", "spark_avatar", *self._arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def started_tasks(self) -> dict[str, str]:
        """Every task that it has begun, and the process of its that did so last, as it says in its log."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return {line["task_id"]: line["worker"] for line in lines if line["event"] == "task started"}

    def kill_all(self) -> None:
        """As when the machine loses its power."""
        children = self.children()
        self.kill()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def kill(self) -> None:
        """Of the process alone, as the system does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def ask_to_stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        if self.runs:
            self.ask_to_stop()
            assert self.process is not None
            try:
                self.process.wait(PATIENCE)
            finally:
                self.process.kill()


class ApiServer(Machine):
    """`spark-avatar serve` with the broker."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        super().__init__(folder, ["serve", "--port", str(self.port), "--log-json"], environment)
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        eventually(lambda: self.answers() or not self.runs, f"the server at {self.url} is ready")
        assert self.runs, self.log.read_text()[-3000:]

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
