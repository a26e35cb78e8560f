"""Random faults on a real fleet: servers, workers, PostgreSQL, RabbitMQ, S3, disks, clocks and the ways between them, while
tasks come in.

Everything is drawn from the seed but the moments at which the system acts. At every checkpoint all tasks that were accepted must
have ended once, one output and one charge, or a reason, and every process must be back at work within 30 s (in proportion on a
machine that is slow at the moment). Needs PostgreSQL's and RabbitMQ's programs; starts its own. S3 is moto's
server, behind a proxy that fails. One of four workers has a clock that jumps, as one of two servers has, and one a small disk.
`make chaos`.
"""

import argparse
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from fleet_faults import MEBIBYTE, SkewedClock, SmallDisk, clock_library, on_a_small_disk
from fleet_house import Fleet
from s3_server import ENVIRONMENT, FaultyProxy, S3Server, s3_server
from sqlalchemy import select

from spark_avatar.database.engine import reading
from spark_avatar.database.schema import tasks

CHECK_SECONDS = 60.0
LEAST_FREE_BYTES = 8 * MEBIBYTE
STORAGE_SECONDS = 120.0
"""How long the fleet asks a storage again; faults of it are shorter."""
MOST_WAITING = 12


class Chaos:
    """Hurts a fleet and watches it."""

    def __init__(self, fleet: Fleet, seed: int, store: FaultyProxy, clock: SkewedClock, disk: SmallDisk) -> None:
        self.fleet, self.store, self.clock, self.disk = fleet, store, clock, disk
        self.random = random.Random(seed)
        self.accepted: list[str] = []
        self.poison: set[str] = set()
        self.refused = 0
        self.faults: Counter[str] = Counter()
        self.settled: list[float] = []
        self.checked: set[str] = set()

    def run(self, minutes: float) -> None:
        """Until the time is over."""
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            check_at = min(until, time.monotonic() + CHECK_SECONDS)
            while time.monotonic() < check_at:
                self._submit()
                self._hurt()
                time.sleep(self.random.uniform(0.5, 4))
            self._check()

    def _submit(self) -> None:
        waiting = len(self.accepted) - len(self.checked)
        for _ in range(self.random.randint(1, 4) if waiting < MOST_WAITING * 4 else 0):
            mode = "poison" if self.random.random() < 0.02 else "plain"
            server = self.random.choice(self.fleet.servers)
            try:
                (task,) = self.fleet.submit(1, server=server, mode=mode, seconds=round(self.random.uniform(0.1, 1.5), 2))
            except httpx.HTTPError:
                self.refused += 1
                continue
            self.accepted.append(task)
            if mode == "poison":
                self.poison.add(task)

    def _hurt(self) -> None:
        fault: Callable[[], None] = self.random.choice(
            [
                self.kill_a_child,
                self.kill_a_machine,
                self.stop_a_machine,
                self.kill_a_server,
                self.freeze_a_child,
                self.restart_the_broker,
                self.purge_the_queue,
                self.wake_in_vain,
                self.restart_the_database,
                self.cut_the_ways,
                self.silence_the_ways,
                self.fail_the_storage,
                self.silence_the_storage,
                self.fill_a_disk,
                self.set_a_clock,
            ]
        )
        self.faults[fault.__name__.replace("_", " ")] += 1
        print(f"{time.strftime('%H:%M:%S')} {fault.__name__}", file=sys.stderr)
        fault()

    def kill_a_child(self) -> None:
        children = self.random.choice(self.fleet.workers).children()
        if children:
            self.random.choice(children).kill()

    def kill_a_machine(self) -> None:
        machine = self.random.choice(self.fleet.workers)
        machine.kill_all()
        machine.start()

    def stop_a_machine(self) -> None:
        machine = self.random.choice(self.fleet.workers)
        machine.stop()
        machine.start()

    def kill_a_server(self) -> None:
        server = self.random.choice(self.fleet.servers)
        server.kill()
        server.start()

    def freeze_a_child(self) -> None:
        for child in self.random.choice(self.fleet.workers).children()[:1]:
            child.suspend()
            time.sleep(self.random.uniform(1, 8))
            child.resume()

    def restart_the_broker(self) -> None:
        self.fleet.rabbitmq.stop()
        time.sleep(self.random.uniform(0, 30))
        self.fleet.rabbitmq.start()

    def purge_the_queue(self) -> None:
        self.fleet.purge()

    def wake_in_vain(self) -> None:
        self.fleet.send(self.random.randint(1, 20))

    def restart_the_database(self) -> None:
        self.fleet.postgresql.stop(kill=self.random.random() < 0.5)
        time.sleep(self.random.uniform(0, 10))
        self.fleet.postgresql.start()

    def cut_the_ways(self) -> None:
        self.fleet.to_database.cut()
        self.fleet.to_broker.cut()

    def silence_the_ways(self) -> None:
        ways = (self.fleet.to_database, self.fleet.to_broker)
        for way in self.random.sample(ways, self.random.randint(1, 2)):
            way.freeze()
        time.sleep(self.random.uniform(1, 8))
        for way in ways:
            way.thaw()

    def fail_the_storage(self) -> None:
        status = self.random.choice([500, 503])
        self.store.sicken(status)
        time.sleep(self.random.uniform(1, 60))
        self.store.heal()

    def silence_the_storage(self) -> None:
        self.store.sicken("silent")
        time.sleep(self.random.uniform(1, 15))
        self.store.heal()

    def fill_a_disk(self) -> None:
        with suppress(OSError):  # its worker may be gone
            self.disk.fill(but=self.random.choice([0, LEAST_FREE_BYTES // 2]))
            time.sleep(self.random.uniform(1, 15))
            self.disk.clear()

    def set_a_clock(self) -> None:
        self.clock.set(self.random.uniform(-8, 8))

    def _check(self) -> None:
        calm = time.monotonic()
        self.fleet.wait_until_whole()
        # All that are in the database: a caller whose connection broke may have a task that it knows nothing of.
        with reading(self.fleet.database) as connection:
            ids = [task for task in connection.execute(select(tasks.c.id)).scalars() if task not in self.checked]
        self.fleet.settle(ids)
        self.settled.append(time.monotonic() - calm)
        failed = {task: str(row["failure_code"]) for task in ids if (row := self.fleet.row(task))["status"] == "failed"}
        assert self.poison & set(ids) <= failed.keys(), "poison was completed"
        self.fleet.check(ids, failed=failed)
        self.checked |= set(ids)
        lost = [task for task in self.accepted if task not in self.checked]
        assert not lost, f"accepted and lost: {lost}"
        print(f"{time.strftime('%H:%M:%S')} {len(self.checked)} tasks are in order", file=sys.stderr)

    def report(self, minutes: float, seed: int) -> str:
        """Markdown."""
        with reading(self.fleet.database) as connection:
            ends = Counter((row.status, row.failure_code, row.id in self.poison) for row in connection.execute(select(tasks)))
            attempts = Counter(connection.execute(select(tasks.c.attempts)).scalars())
        completed = sum(count for (status, _, _), count in ends.items() if status == "completed")
        failed = Counter({f"{code}{' (poison)' if poison else ''}": n for (s, code, poison), n in ends.items() if s == "failed"})
        lines = [
            f"Chaos: seed {seed}, {minutes:g} minutes, {sum(self.faults.values())} faults, {len(self.checked)} tasks.",
            "",
            "| what | how often |",
            "| --- | --- |",
            *(f"| {name} | {count} |" for name, count in sorted(self.faults.items())),
            f"| tasks accepted | {len(self.accepted)} |",
            f"| tasks that were stored although their caller got no answer | {len(self.checked) - len(self.accepted)} |",
            f"| requests refused or cut off | {self.refused} |",
            f"| tasks completed, each with one output and one charge | {completed} |",
            *(f"| tasks failed with {code}, without output or charge | {count} |" for code, count in sorted(failed.items())),
            f"| attempts of a task | {', '.join(f'{n}: {count}' for n, count in sorted(attempts.items()))} |",
            f"| from the last fault until all is ready and every task has ended, slowest | {max(self.settled):.1f} s |",
        ]
        return "\n".join(lines) + "\n"


def _fleet(folder: Path, s3: S3Server) -> tuple[Fleet, FaultyProxy]:
    """With its files on S3, which the processes reach through the proxy, and this one directly."""
    store = FaultyProxy(s3.port)
    os.environ.update({**ENVIRONMENT, "AWS_ENDPOINT_URL": s3.endpoint})
    settings = {"AWS_ENDPOINT_URL": store.endpoint, "SPARK_AVATAR_STORAGE_RETRY_SECONDS": f"{STORAGE_SECONDS:g}"}
    return Fleet(folder, storage_url=f"s3://{s3.new_bucket()}/chaos", settings=settings), store


def main() -> None:
    """Prints the report; exits with an error when anything was lost, doubled or left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto would log every request
    folder = Path(tempfile.mkdtemp(prefix="spark-avatar-chaos-"))
    library, inside = clock_library(), on_a_small_disk()
    if library is None or not inside:
        raise SystemExit("chaos needs libfaketime, and a system that lets a process mount a file system for itself")
    clock = SkewedClock(library, folder / "clock")
    with s3_server() as s3:
        fleet, store = _fleet(folder, s3)
        try:
            fleet.open(servers=1, workers=2)
            fleet.servers.append(fleet.server(**clock.environment))
            fleet.workers.append(fleet.worker(**clock.environment))
            least = {"SPARK_AVATAR_MIN_FREE_BYTES": str(LEAST_FREE_BYTES)}
            fleet.workers.append(fleet.worker(inside=inside, **least))
            fleet.wait_for_workers(4)
            chaos = Chaos(fleet, arguments.seed, store, clock, SmallDisk(fleet.workers[-1]))
            chaos.run(arguments.minutes)
            print(chaos.report(arguments.minutes, arguments.seed))
        except BaseException:
            arguments.keep = True
            print(f"the logs are in {folder}", file=sys.stderr)
            raise
        finally:
            for child in psutil.Process().children(recursive=True):
                if child.status() == psutil.STATUS_STOPPED:
                    child.resume()
            fleet.close()
            if not arguments.keep:
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
