"""A PostgreSQL and a RabbitMQ of the tests' own, which may be stopped, purged and killed; and a wire between them and others
that can be cut. They run as any user: what root may not do is done as `postgres`.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PATIENCE = 120.0
"""Of tests on a machine that has other things to do; not a measure."""
_PROBES, _START_SECONDS = 5, 0.3


def postgresql_programs() -> Path | None:
    """The folder of the newest PostgreSQL of this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    which = shutil.which("initdb")
    return found[-1].parent if found else Path(which).parent if which else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], object], what: str, *, seconds: float = PATIENCE, every: float = 0.05) -> None:
    """Returns when it is true; asks every so many seconds."""
    until = time.monotonic() + seconds
    bell = threading.Event()
    while not holds():
        assert time.monotonic() < until, f"it never came true within {seconds:g} s: {what}"
        bell.wait(every)


def within(seconds: float, holds: Callable[[], object], what: str) -> None:
    """Returns when it is true, which it must be in so many seconds on a machine that has little else to do. On one that is slow
    at the moment it may take longer in proportion.
    """
    began = time.monotonic()
    eventually(holds, what, seconds=seconds + PATIENCE)
    took = time.monotonic() - began
    if took > seconds:
        slow = slowness()
        assert took <= seconds * slow, f"it took {took:.0f} s, not {seconds:.0f} s, on a machine {slow:.1f} times as slow: {what}"


def slowness() -> float:
    """How many times as long things take here now as where times were promised, but at least 1: the command line's own start
    may take 0.3 s.
    """
    began = time.monotonic()
    for _ in range(_PROBES):
        subprocess.run([sys.executable, "-m", "spark_avatar", "--help"], check=True, capture_output=True)
    return max(1.0, (time.monotonic() - began) / _PROBES / _START_SECONDS)


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class PostgresServer:
    """One database cluster in a folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        folder.mkdir()
        if self._user:
            shutil.chown(folder, self._user)
        command = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd=folder)

    def url(self, port: int | None = None, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def make_database(self, name: str) -> None:
        command = [self._programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", name]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"]
        options += ["log_statement=ddl", "log_line_prefix=%d "]
        options.append("fsync=off")  # a process dies here, never the system
        command = [self._programs / "postgres", "-D", self._folder / "data"]
        command += [part for option in options for part in ("-c", option)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd=self._folder)
        eventually(self._accepts, "PostgreSQL accepts connections")

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Every line begins with the database that it is about."""
        return (self._folder / "log").read_text()

    def stop(self, *, kill: bool = False) -> None:
        """Every connection ends at once; `kill` leaves it no time to say so."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if kill else signal.SIGINT)
        self._process.wait(PATIENCE)

    def _accepts(self) -> bool:
        command = [self._programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        return subprocess.run(command, check=False).returncode == 0


class RabbitServer:
    """One RabbitMQ node in a folder, with a port mapper of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        folder.mkdir()
        (folder / "rabbit.conf").write_text("loopback_users = none\n")
        (folder / "plugins").write_text("[].\n")
        self._epmd_port = free_port()
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"spark{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbit"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    def url(self, port: int | None = None) -> str:
        return f"amqp://guest:guest@127.0.0.1:{port or self.port}//"

    def start(self) -> None:
        with (self._folder / "output").open("ab") as log:
            self._process = subprocess.Popen(
                [RABBITMQ], env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        eventually(lambda: answers(self.port), "RabbitMQ accepts connections")
        # It may be another's that answers, or one that is not ready for queues yet: the node itself knows.
        self._control("await_startup")

    def says(self, what: str, *columns: str) -> list[dict[str, Any]]:
        """What the broker itself knows of its `queues`, `channels` or `consumers`, as `rabbitmqctl list_...` tells it."""
        return list(json.loads(self._control("--formatter", "json", f"list_{what}", *columns)))

    def _control(self, *words: str) -> str:
        command = [RABBITMQ.with_name("rabbitmqctl"), "--quiet", *words]
        told = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True, timeout=PATIENCE)
        return told.stdout

    def queue(self, name: str, *columns: str) -> dict[str, Any]:
        """What it knows of one queue."""
        (found,) = (row for row in self.says("queues", "name", *columns) if row["name"] == name)
        return found

    def stop(self) -> None:
        """As if its machine had lost its power."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
            self._process = None

    def end(self) -> None:
        """And its port mapper, which is a process of its own."""
        self.stop()
        subprocess.run(["epmd", "-port", str(self._epmd_port), "-kill"], check=False, capture_output=True)


class RedisServer:
    """A Redis that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: answers(self.port), "Redis accepts connections")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)


class Wire:
    """A way to a server of this machine that can be cut, or go dead without a word."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._left: int | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection; new ones are let through."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Nothing passes, and nothing is said of it."""
        self._flows.clear()

    def freeze_after(self, passed: int) -> None:
        """Lets so many more bytes pass to the server, then freezes."""
        self._left = passed

    @property
    def flows(self) -> bool:
        return self._flows.is_set()

    def thaw(self) -> None:
        self._left = None
        self._flows.set()

    def close(self) -> None:
        self._open = False
        self.thaw()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while self._open:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        pair = (near, far)
        for end in pair:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as both ends of the wire have it
        with self._lock:
            self._pairs.add(pair)
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far, counted=True)
        back.join()
        with self._lock:
            self._pairs.discard(pair)
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket, *, counted: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
                if self._left is not None and counted:
                    self._left -= len(data)
                    if self._left <= 0:
                        self.freeze()
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
