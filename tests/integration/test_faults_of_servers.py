"""The broker, the database, the API server and the ways between them fail: every accepted task ends once."""

import re
import threading

import httpx
import psutil
import pytest
from fleet_house import LEASE_SECONDS, MODEL, Fleet
from fleet_servers import Wire, eventually
from sample_urls import audio_data_url, image_data_url
from sqlalchemy import text

from spark_avatar.database.engine import reading
from spark_avatar.database.migrate import newest_revision

pytestmark = pytest.mark.slow
OUTAGE_SECONDS = 30.0


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def test_a_server_killed_between_commit_and_message_loses_no_task(fleet: Fleet):
    wire = Wire(fleet.rabbitmq.port)
    doomed = fleet.server(SPARK_AVATAR_BROKER_URL=fleet.rabbitmq.url(wire.port))
    wire.freeze()
    ids = fleet.submit(3, server=doomed)
    doomed.kill()
    wire.close()
    fleet.machines.remove(doomed)
    fleet.settle(ids)
    fleet.check(ids)


def test_the_broker_dies_and_comes_back(fleet: Fleet):
    ids = fleet.submit(4, seconds=1)
    fleet.wait_until_running(ids)
    fleet.rabbitmq.stop()
    try:
        ids += fleet.submit(3)  # accepted: the database has them
        pause(OUTAGE_SECONDS)
    finally:
        fleet.rabbitmq.start()
    fleet.settle(ids)
    fleet.check(ids)
    again = fleet.submit(2)
    fleet.settle(again)
    fleet.check(again)


def test_purged_queues_are_filled_again(fleet: Fleet):
    for worker in fleet.workers:
        psutil.Process(worker.pid).suspend()  # they take no message meanwhile
    try:
        ids = fleet.submit(8, seconds=0.5)
        eventually(lambda: fleet.purge() > 0, "there were wake-ups, and are none now")
    finally:
        for worker in fleet.workers:
            psutil.Process(worker.pid).resume()
    fleet.settle(ids)
    fleet.check(ids)


def test_the_database_restarts_in_the_middle_of_everything(fleet: Fleet):
    ids = fleet.submit(5, seconds=1)
    fleet.wait_until_running(ids)
    fleet.postgresql.stop(kill=True)
    pause(LEASE_SECONDS + 1)
    fleet.postgresql.start()
    fleet.settle(ids)
    fleet.check(ids)


def test_connections_that_are_cut_again_and_again_lose_nothing(fleet: Fleet):
    ids = fleet.submit(6, seconds=0.5)
    for _ in range(4):
        pause(0.7)
        fleet.to_database.cut()
        fleet.to_broker.cut()
    fleet.settle(ids)
    fleet.check(ids)


def test_a_network_that_is_silent_for_longer_than_a_lease_loses_nothing(fleet: Fleet):
    ids = fleet.submit(4, seconds=1)
    fleet.wait_until_running(ids)
    fleet.to_database.freeze()
    fleet.to_broker.freeze()
    pause(LEASE_SECONDS + 2)
    fleet.to_database.thaw()
    fleet.to_broker.thaw()
    fleet.settle(ids)
    fleet.check(ids)


def test_any_server_knows_cancels_and_serves_what_another_took(fleet: Fleet):
    first, second = fleet.servers
    ids = fleet.submit(3, server=first, seconds=20)
    hit = fleet.wait_until_running(ids)
    with fleet.client(second) as client:
        for task in ids:
            client.delete(f"/model/v1/generation/task/{task}").raise_for_status()
    fleet.settle(ids)
    fleet.check(ids, failed=dict.fromkeys(ids, "003016031"))
    assert fleet.row(hit)["attempts"] == 1
    (done,) = fleet.submit(1, server=second)
    fleet.settle([done])
    with fleet.client(first) as client:
        output = client.get(f"/model/v1/generation/task/{done}").json()["output"][0]["content"][0]
    foreign = output["url"].replace(first.url, second.url)
    assert foreign != output["url"]
    assert len(httpx.get(foreign).raise_for_status().content) == output["size"]


def test_a_task_is_followed_on_another_server_than_the_one_that_took_it(fleet: Fleet):
    first, second = fleet.servers
    (task,) = fleet.submit(1, server=first, seconds=0.5)
    with fleet.client(second) as client, client.stream("GET", f"/model/v1/generation/task/{task}/events") as stream:
        told = "".join(stream.iter_text())
    assert '"completed"' in told


def test_a_session_of_one_server_is_valid_on_all_until_it_is_ended_on_any(fleet: Fleet):
    password = "correct horse battery staple"
    fleet.run_command("users", "create", "anna@example.org", "--name", "Anna", given=password)
    first, second = (f"{server.url}/api/v1/session" for server in fleet.servers)
    signed_in = httpx.post(first, json={"email": "anna@example.org", "password": password}, timeout=30).raise_for_status()
    session = {"Cookie": f"spark_session={signed_in.cookies['spark_session']}"}
    assert httpx.get(second, headers=session, timeout=30).json()["user"]["email"] == "anna@example.org"
    token = {"X-CSRF-Token": signed_in.json()["csrf_token"]}
    httpx.delete(second, headers=session | token, timeout=30).raise_for_status()
    assert [httpx.get(url, headers=session, timeout=30).status_code for url in (first, second)] == [401, 401]


def test_processes_that_start_at_once_on_an_empty_database_make_its_tables_once(fleet: Fleet):
    """Two servers and two workers did so when the fleet was opened."""
    assert len(re.findall(r"^postgres LOG:.*\s+CREATE TABLE tasks\b", fleet.postgresql.log(), re.MULTILINE)) == 1
    with reading(fleet.database) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest_revision()]


def test_servers_share_their_counts_of_requests(fleet: Fleet, redis_url: str):
    pair = [fleet.server(SPARK_AVATAR_RATE_STORE_URL=redis_url, SPARK_AVATAR_RATE_PER_KEY="7/hour") for _ in range(2)]
    answers = []
    for number in range(10):
        with fleet.client(pair[number % 2]) as client:
            answers.append(client.get("/model/v1/generation/task/none").status_code)
    assert answers == [404] * 7 + [429] * 3
    fleet.retire(*pair)


def test_a_server_starts_and_accepts_tasks_while_the_broker_is_away(fleet: Fleet):
    wire = Wire(1)  # nobody listens there
    alone = fleet.server(SPARK_AVATAR_BROKER_URL=fleet.rabbitmq.url(wire.port))
    ids = fleet.submit(2, server=alone)
    fleet.settle(ids)
    fleet.check(ids)
    fleet.retire(alone)
    wire.close()


def test_waiting_tasks_are_announced_by_their_engine(fleet: Fleet):
    body = {"model": MODEL, "input": [{"params": {"image_url": image_data_url(), "audio_url": audio_data_url()}}]}
    with fleet.client(fleet.servers[0]) as client:
        task = client.post("/model/v1/generation", json=body).raise_for_status().json()["id"]
    assert fleet.row(task)["engine"] == "fleet"
    fleet.settle([task])
    eventually(lambda: fleet.depth() == 0, "its message is used up")
