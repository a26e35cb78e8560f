"""Videos on their way to S3: the worker is killed, or the store fails and is slow for a minute."""

import threading
from collections.abc import Iterator

import pytest
from fleet_house import Fleet
from fleet_servers import Wire, eventually
from s3_server import ENVIRONMENT, FaultyProxy, S3Server, s3_server

pytestmark = pytest.mark.slow
SENT = 6_000_000
"""Bytes of the upload that arrive; it has 16 million."""
TROUBLE_SECONDS = 20
"""Of each kind: a minute in all."""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way to it is in the environment of the tests too."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": s3.endpoint}.items():
        monkeypatch.setenv(name, value)
    return s3.new_bucket()


def on_s3(fleet: Fleet, name: str, bucket: str) -> Fleet:
    """With its files there, and a queue of its own, so that the workers with another storage take no part."""
    return fleet.beside(name, SPARK_AVATAR_STORAGE_URL=f"s3://{bucket}", SPARK_AVATAR_DEFAULT_ENGINE="fleet2")


def test_a_worker_killed_in_the_middle_of_an_upload_leaves_no_part_of_a_video(fleet: Fleet, s3: S3Server, bucket: str):
    house, wire = on_s3(fleet, "killed_upload", bucket), Wire(s3.port)
    server = house.server()
    doomed = house.worker(engines="fleet2", AWS_ENDPOINT_URL=f"http://127.0.0.1:{wire.port}")
    (task,) = house.submit(1, server=server, mode="heavy-gate", name="upload", seconds=0.1)
    house.gate("upload")
    wire.freeze_after(SENT)
    house.open_gate("upload")
    eventually(lambda: not wire.flows, "the upload has stopped half way")
    doomed.kill_all()
    house.machines.remove(doomed)
    assert [key for key in s3.keys(bucket) if key.endswith(".mp4")] == []
    wire.close()
    heir = house.worker(engines="fleet2")
    house.settle([task])
    house.check([task])
    assert house.row(task)["attempts"] == 2
    house.retire(server, heir)


def test_a_store_that_fails_and_is_slow_for_a_minute_delays_videos_and_loses_none(fleet: Fleet, s3: S3Server, bucket: str):
    house, store = on_s3(fleet, "sick_store", bucket), FaultyProxy(s3.port)
    server = house.server(AWS_ENDPOINT_URL=store.endpoint)
    worker = house.worker(engines="fleet2", AWS_ENDPOINT_URL=store.endpoint)
    ids = house.submit(1, server=server, mode="heavy-gate", name="sick", seconds=0.1) + house.submit(2, server=server)
    house.gate("sick")

    def slow(_method: str, _path: str) -> None:
        store.healed.wait(8)

    store.sicken(500)
    house.open_gate("sick")
    pause(TROUBLE_SECONDS)
    assert house.statuses(ids) == {"running": 1, "queued": 2}
    store.sicken(503)
    pause(TROUBLE_SECONDS)
    assert house.statuses(ids) == {"running": 1, "queued": 2}
    assert store.refused > 0
    store.fault = slow
    pause(TROUBLE_SECONDS)
    store.heal()
    house.settle(ids)
    house.check(ids)
    assert [house.row(task)["attempts"] for task in ids] == [1, 1, 1]
    assert s3.unfinished_uploads(bucket) == []
    house.retire(server, worker)
    store.close()


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)
