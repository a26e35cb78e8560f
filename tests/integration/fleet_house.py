"""A fleet for the fault tests: real `spark-avatar serve` and `spark-avatar worker` processes, each with a data folder of its own
as on a machine of its own, on a PostgreSQL and a RabbitMQ that the tests may hurt.
"""

import copy
import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import fleet_engine
import httpx
import psutil
from fleet_machines import ApiServer, Machine
from fleet_servers import PostgresServer, RabbitServer, Wire, eventually, postgresql_programs, within
from kombu import Connection
from sample_urls import audio_data_url, image_data_url
from sqlalchemy import Engine, func, select, update

from spark_avatar.accounts.ledger.sql_audit import SqlBooksAudit
from spark_avatar.database.engine import open_database, reading, writing
from spark_avatar.database.schema import holds, ledger_entries, tasks, workers
from spark_avatar.dispatch.celery_queue.broker import queue_of
from spark_avatar.storage.keys import task_prefix
from spark_avatar.storage.object_storage import ObjectStorage
from spark_avatar.tasks.task import AccountId, TaskId

MODEL = "spark_avatar_picture_omni_v2"
LEASE_SECONDS = 5.0
BACK_SECONDS = 30.0
"""So soon after a fault all is at work again, without a hand."""
_TESTS = Path(__file__).parents[1]


class Fleet:
    """Everything, and what the tests ask of it."""

    def __init__(
        self, folder: Path, *, wired: bool = True, storage_url: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        """`wired=False`: nothing between processes and servers, for measuring. Files are in a folder unless there is a URL;
        `settings` are of all processes.
        """
        self.wired = wired
        self.settings = settings or {}
        programs = postgresql_programs()
        assert programs is not None
        self.folder = folder
        self.gates = folder / "gates"
        self.gates.mkdir()
        folder.chmod(0o755)  # PostgreSQL may run as another user
        self.postgresql = PostgresServer(programs, folder / "postgresql")
        self.rabbitmq = RabbitServer(folder / "rabbitmq")
        starting = threading.Thread(target=self.rabbitmq.start)
        starting.start()
        self.postgresql.start()
        starting.join()
        self.files = storage_url or str(folder / "files")
        self.to_database, self.to_broker = Wire(self.postgresql.port), Wire(self.rabbitmq.port)
        self.machines: list[Machine] = []
        self.servers: list[ApiServer] = []
        self.workers: list[Machine] = []
        self._names = itertools.count(1)
        self._key = ""
        self.database: Engine = open_database(self.postgresql.url())
        self._beside: list[Engine] = []
        self._install_engine()

    def open(self, *, servers: int, workers: int) -> None:
        """Starts them all at once: each would bring the empty database up to date."""
        self.servers = [ApiServer(self.folder / f"server-{next(self._names)}", self.environment()) for _ in range(servers)]
        self.machines += self.servers
        for server in self.servers:
            server.start()
        self.workers = [self.worker() for _ in range(workers)]
        for server in self.servers:
            server.wait_until_ready()
        self.wait_for_workers(workers)

    def environment(self, **settings: str) -> dict[str, str]:
        """Of a process of the fleet; its way to the servers is over the wires."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPARK_AVATAR_")},
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self.folder / "plugins"), os.environ.get("PYTHONPATH", "")])),
            "FLEET_FOLDER": str(self.gates),
            "SPARK_AVATAR_DATABASE_URL": self.postgresql.url(self.to_database.port if self.wired else None),
            "SPARK_AVATAR_BROKER_URL": self.rabbitmq.url(self.to_broker.port if self.wired else None),
            "SPARK_AVATAR_STORAGE_URL": self.files,
            "SPARK_AVATAR_SECRET_KEY": "the same for every machine of the fleet",
            "SPARK_AVATAR_DEFAULT_ENGINE": fleet_engine.FleetEngine.name,
            "SPARK_AVATAR_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
            "SPARK_AVATAR_DRAIN_SECONDS": "1",
            "SPARK_AVATAR_PRICE_PER_SECOND": "0.01",
            **self.settings,
            **settings,
        }

    def server(self, *, ready: bool = True, **settings: str) -> ApiServer:
        """A further API server, by default one that is ready."""
        server = ApiServer(self.folder / f"server-{next(self._names)}", self.environment(**settings))
        self.machines.append(server)
        server.start()
        if ready:
            server.wait_until_ready()
        return server

    def worker(self, *, concurrency: int = 1, engines: str = "fleet", inside: Sequence[str] = (), **settings: str) -> Machine:
        """A further worker; it may still be starting. `inside` is a command that runs the one that it is given."""
        arguments = ["worker", "--engines", engines, "--concurrency", str(concurrency), "--log-json"]
        folder = self.folder / f"worker-{next(self._names)}"
        worker = Machine(folder, arguments, self.environment(**settings), inside=inside)
        self.machines.append(worker)
        worker.start()
        return worker

    def key(self) -> str:
        if not self._key:
            self._key = self.new_key()
        return self._key

    def new_key(self, **settings: str) -> str:
        """Of the database in the settings."""
        return self.run_command("keys", "create", "--name", "tests", **settings).strip()

    def run_command(self, *words: str, given: str = "", **settings: str) -> str:
        """What a command of the product prints, on a machine without a server; `given` is typed to it."""
        environment = self.environment(SPARK_AVATAR_DATA_DIR=str(self.folder / "desk"), **settings)
        command = [sys.executable, "-m", "spark_avatar", *words]
        return subprocess.run(command, env=environment, input=given, check=True, capture_output=True, text=True).stdout

    @contextmanager
    def client(self, server: ApiServer, *, key: str = "") -> Iterator[httpx.Client]:
        with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key or self.key()}"}, timeout=30) as client:
            yield client

    def submit(
        self,
        count: int = 1,
        *,
        server: ApiServer | None = None,
        key: str = "",
        image: str = "",
        audio: str = "",
        **params: object,
    ) -> list[str]:
        """Ids of accepted tasks; with a key of the tests unless another one is given."""
        wanted = {"image_url": image or image_data_url(), "audio_url": audio or audio_data_url(), **params}
        body = {"model": MODEL, "input": [{"params": wanted}]}
        with self.client(server or self.servers[0], key=key) as client:
            answers = [client.post("/model/v1/generation", json=body) for _ in range(count)]
        return [answer.raise_for_status().json()["id"] for answer in answers]

    def row(self, task_id: str) -> Mapping[str, object]:
        with reading(self.database) as connection:
            return dict(connection.execute(select(tasks).where(tasks.c.id == task_id)).one()._mapping)

    def statuses(self, ids: Iterable[str]) -> Counter[str]:
        with reading(self.database) as connection:
            query = select(tasks.c.status).where(tasks.c.id.in_(list(ids)))
            return Counter(connection.execute(query).scalars())

    def worker_of(self, task_id: str) -> int:
        """The id of the process that runs the task."""
        found: list[int] = []

        def look() -> bool:
            with reading(self.database) as connection:
                query = select(workers.c.pid).join(tasks, tasks.c.worker == workers.c.name).where(tasks.c.id == task_id)
                found.extend(connection.execute(query).scalars())
            return bool(found)

        eventually(look, f"{task_id} has a worker")
        return found[0]

    def held_by(self, pids: Collection[int], ids: Iterable[str]) -> list[str]:
        """Those of the tasks that one of these processes runs now."""
        query = select(tasks.c.id).join(workers, tasks.c.worker == workers.c.name)
        with reading(self.database) as connection:
            return list(connection.execute(query.where(workers.c.pid.in_(pids), tasks.c.id.in_(list(ids)))).scalars())

    def wait_until_held(self, machine: Machine, ids: Iterable[str]) -> str:
        """The first of the tasks that the machine has taken."""
        found: list[str] = []
        eventually(
            lambda: found.extend(self.held_by([child.pid for child in machine.children()], ids)) or found,
            f"{machine.folder.name} has one of the tasks",
        )
        return found[0]

    def wait_until_running(self, ids: Iterable[str], *, stage: str = "render") -> str:
        """The first of these tasks that has come so far."""
        found: list[str] = []

        def look() -> bool:
            with reading(self.database) as connection:
                query = select(tasks.c.id).where(tasks.c.id.in_(list(ids)), tasks.c.status == "running", tasks.c.stage == stage)
                found.extend(connection.execute(query).scalars())
            return bool(found)

        eventually(look, f"a task is at its stage {stage}")
        return found[0]

    def gate(self, name: str) -> int:
        """Waits until the task of that name is at its gate; the id of its process."""
        path = self.gates / f"{name}.reached"
        eventually(lambda: path.exists() and path.read_text(), f"{name} is at its gate")
        pid = int(path.read_text())
        path.unlink()
        return pid

    def open_gate(self, name: str) -> None:
        (self.gates / f"{name}.go").touch()

    def settle(self, ids: list[str], *, work: float | None = None) -> None:
        """Every task ends by itself, within the time that a fault may cost; `work` are the seconds that the tasks themselves
        need, by default 0.6 each.
        """
        needed = 0.6 * len(ids) if work is None else work
        within(BACK_SECONDS + needed, lambda: self._ended(ids), f"{len(ids)} tasks have ended")

    def wait_until_whole(self) -> None:
        """Nothing that a test broke stays broken: each of the fleet's own processes lives and is ready, by itself."""
        broken = [machine.folder.name for machine in (*self.servers, *self.workers) if not machine.runs]
        assert not broken, f"these have ended, and only a hand could start them again: {broken}"
        within(
            BACK_SECONDS,
            lambda: all(server.answers() for server in self.servers) and all(self.state_of(w) for w in self.workers),
            "servers are ready, and every worker has signed in",
        )

    def _ended(self, ids: list[str]) -> bool:
        counts = self.statuses(ids)
        return counts["completed"] + counts["failed"] == len(ids)

    def check(self, ids: list[str], *, failed: Mapping[str, str] | None = None) -> None:
        """Each task ended once, as it should have: one output, one charge; nothing is left of anything else."""
        failed = failed or {}
        for task_id in ids:
            row = self.row(task_id)
            if task_id in failed:
                assert (row["status"], row["failure_code"]) == ("failed", failed[task_id]), row["failure"]
                named = []
            else:
                assert row["status"] == "completed", row["failure"]
                named = [output["key"] for output in row["outputs"]["content"]]  # type: ignore[index]
                assert len(named) == 1
            eventually(partial(self._keeps_only, row, named), f"only {named} is kept", seconds=60)
            assert self._books_of(task_id) == (len(named), 0), "charges and holds"
        assert SqlBooksAudit(self.database).faults() == []
        eventually(lambda: not self.scratch(), f"no scratch is left: {self.scratch()}", seconds=60)

    def _keeps_only(self, row: Mapping[str, object], named: list[str]) -> bool:
        """The video that the task names, and what belongs to the same attempt."""
        prefix = task_prefix(AccountId(str(row["account_id"])), TaskId(str(row["id"])))
        kept = [stored.key for stored in self.storage().list(prefix)]
        videos = [key for key in kept if key.endswith(".mp4")]
        return videos == named and all(Path(key).stem == Path(named[0]).stem for key in kept)

    def storage(self) -> ObjectStorage:
        return ObjectStorage(self.files)

    def _books_of(self, task_id: str) -> tuple[int, int]:
        """Charges and holds."""
        with reading(self.database) as connection:
            entries = select(func.count()).where(ledger_entries.c.occasion == f"capture:{task_id}")
            held = select(func.count()).where(holds.c.task_id == task_id)
            return connection.execute(entries).scalar_one(), connection.execute(held).scalar_one()

    def scratch(self) -> list[str]:
        """What machines that run have in their work folders."""
        return [str(path) for machine in self.machines if machine.runs for path in (machine.folder / "work").glob("*")]

    def live_workers(self) -> int:
        """Those that have signed in, are ready, and live: the dead stand in the roster until they have been silent for long."""
        with reading(self.database) as connection:
            pids = connection.execute(select(workers.c.pid).where(workers.c.state.in_(["idle", "busy"]))).scalars()
            return sum(psutil.pid_exists(pid) for pid in pids)

    def state_of(self, machine: Machine) -> set[str]:
        """What its processes say of themselves."""
        pids = [child.pid for child in machine.children()]
        with reading(self.database) as connection:
            return set(connection.execute(select(workers.c.state).where(workers.c.pid.in_(pids))).scalars())

    def signed_in(self, machine: Machine) -> set[int]:
        """The ids of its processes that take tasks."""
        pids = [child.pid for child in machine.children()]
        with reading(self.database) as connection:
            return set(connection.execute(select(workers.c.pid).where(workers.c.pid.in_(pids))).scalars())

    def wait_for_workers(self, count: int) -> None:
        eventually(lambda: self.live_workers() >= count, f"{count} workers are there")

    def depth(self, engine: str = "fleet") -> int:
        with Connection(self.rabbitmq.url()) as connection, connection.channel() as channel:
            return int(channel.queue_declare(queue=queue_of(engine), passive=True).message_count)

    def purge(self, engine: str = "fleet") -> int:
        with Connection(self.rabbitmq.url()) as connection, connection.channel() as channel:
            return int(channel.queue_purge(queue_of(engine)))

    def send(self, count: int, engine: str = "fleet") -> None:
        """Wake-ups that nobody asked for."""
        from spark_avatar.dispatch.celery_queue.broker import LOOK, open_broker

        app = open_broker(self.rabbitmq.url())
        for _ in range(count):
            app.send_task(LOOK, queue=queue_of(engine))
        app.close()

    def beside(self, name: str, **settings: str) -> "Fleet":
        """The same servers and broker with a new, empty database and settings of their own; what is started through it is mended
        with the rest.
        """
        self.postgresql.make_database(name)
        url = self.postgresql.url(database=name)
        other = copy.copy(self)
        other.settings = {**self.settings, "SPARK_AVATAR_DATABASE_URL": url, **settings}
        other.files = settings.get("SPARK_AVATAR_STORAGE_URL", self.files)
        other.database, other._key = open_database(url), ""
        other.servers, other.workers = [], []
        self._beside.append(other.database)
        return other

    def forget_engines(self, ids: list[str]) -> None:
        """As the release stored tasks that knew no such column."""
        with writing(self.database) as connection:
            connection.execute(update(tasks).where(tasks.c.id.in_(ids)).values(engine=""))

    def retire(self, *machines: Machine) -> None:
        for machine in machines:
            machine.stop()
            self.machines.remove(machine)

    def mend(self) -> None:
        """As it was opened, whatever a test did or left undone."""
        for way in (self.to_database, self.to_broker):
            way.thaw()
        for machine in list(self.machines):
            if machine.runs:
                for process in (psutil.Process(machine.pid), *machine.children()):
                    with suppress(psutil.NoSuchProcess):
                        process.resume()
            if machine not in (*self.servers, *self.workers):
                if machine.runs:
                    machine.kill_all()
                self.machines.remove(machine)
            elif not machine.runs:
                machine.start()
        while self._beside:
            self._beside.pop().dispose()

    def close(self) -> None:
        for machine in self.machines:
            if machine.runs:
                machine.ask_to_stop()
        for machine in self.machines:
            machine.stop()
        self.database.dispose()
        self.to_database.close()
        self.to_broker.close()
        self.postgresql.stop()
        self.rabbitmq.end()

    def _install_engine(self) -> None:
        """As `pip install` would: an entry point on the path of the processes."""
        info = self.folder / "plugins" / "fleet_engine-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fleet-engine\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[spark_avatar.engines]\nfleet = fleet_plugin.engine:create\nfleet2 = fleet_plugin.engine:create\n"
        )
        package = self.folder / "plugins" / "fleet_plugin"
        package.mkdir()
        (package / "engine.py").write_text((_TESTS / "integration" / "fleet_engine.py").read_text())
        (package / "options.py").write_text("from fleet_plugin.engine import Options as Options\n")
