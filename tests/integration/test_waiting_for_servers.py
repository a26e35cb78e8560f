"""Servers and workers that are started before their database, broker or store answers wait for it."""

import threading
from collections.abc import Iterator

import httpx
import pytest
from fleet_house import MODEL, Fleet
from fleet_machines import ApiServer, Machine
from fleet_servers import PATIENCE, PostgresServer, Wire, eventually, postgresql_programs
from s3_server import ENVIRONMENT, FaultyProxy, s3_server
from sample_urls import audio_data_url, image_data_url

pytestmark = pytest.mark.slow
WAITING = "the database does not answer; waiting for it"


@pytest.fixture
def late(fleet: Fleet) -> Iterator[PostgresServer]:
    """A PostgreSQL that has not been started."""
    programs = postgresql_programs()
    assert programs is not None
    server = PostgresServer(programs, fleet.folder / "late")
    yield server
    if server.runs:
        server.stop()


def said(machine: Machine, words: str) -> int:
    return machine.log.read_text().count(words) if machine.log.exists() else 0


def test_servers_and_workers_wait_for_a_database_that_starts_later(fleet: Fleet, late: PostgresServer):
    wire = Wire(late.port)
    own = {"SPARK_AVATAR_DEFAULT_ENGINE": "fleet2", "SPARK_AVATAR_STORAGE_URL": str(fleet.folder / "late-files")}
    refused = {**own, "SPARK_AVATAR_DATABASE_URL": late.url()}
    server = fleet.server(ready=False, **refused)
    worker = fleet.worker(engines="fleet2", **refused)
    eventually(lambda: said(server, WAITING) and said(worker, WAITING), "both have found nobody, and say so")
    eventually(lambda: said(server, "listens on"), "it answers all the same")

    assert httpx.get(f"{server.url}/healthz").status_code == 200
    ready = httpx.get(f"{server.url}/readyz")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, False)
    for path in ("/", "/model/v1/generation/task/any", "/api/v1/skill/models"):
        answer = httpx.get(server.url + path, headers={"Authorization": "Bearer sk-spark-any"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0

    late.start()
    wire.freeze()  # a way on which nothing is refused and nothing answered
    silent = fleet.server(ready=False, **own, SPARK_AVATAR_DATABASE_URL=late.url(wire.port))
    server.wait_until_ready()
    eventually(lambda: said(silent, WAITING), "silence is waited out too")
    wire.thaw()
    silent.wait_until_ready()
    key = fleet.new_key(**refused)
    assert "/welcome?code=" in server.log.read_text(), "the owner's link is printed when it can be made"
    _makes_a_video(silent, key)
    assert [said(machine, WAITING) for machine in (server, worker, silent)] == [1, 1, 1]
    assert "Traceback" not in server.log.read_text() + worker.log.read_text() + silent.log.read_text()
    fleet.retire(server, silent, worker)
    wire.close()


def test_a_server_that_waits_can_be_stopped(fleet: Fleet):
    wire = Wire(1)  # nobody listens there
    server = fleet.server(ready=False, SPARK_AVATAR_DATABASE_URL=fleet.postgresql.url(wire.port))
    eventually(lambda: said(server, "listens on"), "it waits")
    server.ask_to_stop()
    assert server.process is not None
    server.process.wait(PATIENCE)
    assert not list((server.folder / "uploads-under-way").iterdir())
    fleet.machines.remove(server)
    wire.close()


def test_a_worker_that_starts_while_the_broker_is_silent_waits_for_it(fleet: Fleet):
    wire = Wire(fleet.rabbitmq.port)
    wire.freeze()
    worker = fleet.worker(SPARK_AVATAR_BROKER_URL=fleet.rabbitmq.url(wire.port))
    silence = "the broker does not answer; waiting for it"
    eventually(lambda: said(worker, silence), "it says so")
    threading.Event().wait(12)  # it tries again meanwhile
    wire.thaw()
    fleet.wait_for_workers(3)
    assert said(worker, silence) == 1
    ids = fleet.submit(6, seconds=0.5)
    fleet.wait_until_held(worker, ids)
    fleet.settle(ids)
    fleet.check(ids)
    fleet.retire(worker)
    wire.close()


def test_a_server_whose_storage_fails_is_ready_when_it_works_again(fleet: Fleet):
    with s3_server() as s3:
        store = FaultyProxy(s3.port)
        store.sicken(503)
        storage = {"AWS_ENDPOINT_URL": store.endpoint, "SPARK_AVATAR_STORAGE_URL": f"s3://{s3.new_bucket()}"}
        server = fleet.server(ready=False, **ENVIRONMENT, **storage)
        eventually(lambda: said(server, "listens on"), "it lives")
        ready = httpx.get(f"{server.url}/readyz")
        assert (ready.status_code, ready.json()["checks"]["storage"]) == (503, False)
        store.heal()
        server.wait_until_ready()
        fleet.retire(server)
        store.close()


def _makes_a_video(server: ApiServer, key: str) -> None:
    body = {"model": MODEL, "input": [{"params": {"image_url": image_data_url(), "audio_url": audio_data_url()}}]}
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        task = client.post("/model/v1/generation", json=body).raise_for_status().json()["id"]
        eventually(lambda: client.get(f"/model/v1/generation/task/{task}").json()["status"] == "completed", "the video is made")
