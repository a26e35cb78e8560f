"""A long recording in segments, taken through the broker by workers on two machines; one of them dies."""

import base64
import os
import signal

import pytest
from fleet_house import Fleet
from fleet_servers import eventually
from sqlalchemy import select

from spark_avatar.database.engine import reading
from spark_avatar.database.schema import segments, workers
from spark_avatar.media.samples import sample_portrait, sample_speech

pytestmark = pytest.mark.slow
RENDER_SECONDS = 60
"""Of a real engine, by two processes on two cores."""
SETTINGS = {"SPARK_AVATAR_SPLIT_SECONDS": "2", "SPARK_AVATAR_DEFAULT_ENGINE": "portrait"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    portrait = sample_portrait(tmp_path_factory.mktemp("media") / "portrait.jpg").read_bytes()
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(portrait).decode(),
        "audio": "data:audio/flac;base64," + base64.b64encode(sample_speech().read_bytes()).decode(),
        "resolution": "360p",
    }


def helper_of(fleet: Fleet, task_id: str) -> int:
    """The process that renders a segment of a task that another one holds."""
    found: list[int] = []

    def look() -> bool:
        query = (
            select(workers.c.pid)
            .join(segments, segments.c.worker == workers.c.name)
            .where(segments.c.task_id == task_id, segments.c.status == "running", segments.c.progress > 0)
        )
        with reading(fleet.database) as connection:
            pids = set(connection.execute(query).scalars())
        found.extend(pids - {fleet.worker_of(task_id)})
        return bool(found)

    eventually(look, "another worker helps")
    return found[0]


def rows(fleet: Fleet) -> list[object]:
    with reading(fleet.database) as connection:
        return list(connection.execute(select(segments)).all())


def test_workers_of_two_machines_share_it_and_one_may_die(fleet: Fleet, inputs: dict[str, str]) -> None:
    server = fleet.server(**SETTINGS)
    machines = [fleet.worker(engines="portrait", **SETTINGS) for _ in range(2)]
    fleet.wait_for_workers(4)
    ids = fleet.submit(server=server, **inputs)
    fleet.settle(ids, work=RENDER_SECONDS)
    fleet.check(ids)
    logs = [machine.log.read_text() for machine in machines]
    assert all("segment rendered" in log for log in logs), "one machine made all of it"
    assert sum(log.count('"segment rendered"') for log in logs) == 5
    again = fleet.submit(server=server, **inputs)
    os.kill(helper_of(fleet, again[0]), signal.SIGKILL)
    fleet.settle(again, work=RENDER_SECONDS)
    fleet.check(again)
    eventually(lambda: not fleet.storage().list("work"), "nothing is left of what the workers shared")
    eventually(lambda: not rows(fleet), "no segments are left")
    fleet.retire(server, *machines)
