"""Several servers."""

import threading

import pytest
from comfyui_server import NODES

from spark_avatar.engines.comfyui.configuration import ServerAddress, parse_servers
from spark_avatar.engines.comfyui.notes import CLIENT_PREFIX
from spark_avatar.engines.comfyui.pool import CircuitBreaker
from spark_avatar.engines.engine import SilentMonitor
from spark_avatar.errors import ConfigurationError, StatusCheckError, TaskCreationError

WATCH = SilentMonitor()


def test_two_servers_share_the_load(start, engine, job):
    servers = start(seconds=0.6), start(seconds=0.6)
    comfy = engine(*servers)
    done = []
    threads = [
        threading.Thread(target=lambda name=name: done.append(comfy.render(job(comfy, name), WATCH).frames)) for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [25] * 4
    assert [len(server.bodies) for server in servers] == [2, 2]


def test_the_shorter_queue_is_chosen(start, engine, job):
    busy, idle = start(seconds=20.0), start()
    for _ in range(3):
        busy.submit({"prompt": {}, "client_id": "somebody"})
    comfy = engine(busy, idle)
    for name in "abc":
        comfy.render(job(comfy, name), WATCH)
    assert (len(busy.bodies), len(idle.bodies)) == (0, 3)


def test_one_dies_in_the_middle_of_a_job_and_the_task_is_not_lost_nor_run_again_in_silence(start, engine, job):
    dying, well = start(seconds=20.0), start()
    well.submit({"prompt": {"6": {"inputs": {"filename_prefix": "x"}}}, "client_id": "somebody"})
    dying.faults["GET /history"] = lambda handler: dying.die()
    comfy = engine(dying, well)
    comfy._pool.drained = lambda url: url == well.url and not dying.bodies
    rendition = comfy.render(job(comfy), WATCH)
    assert rendition.job_id in well.history
    assert [warning.code for warning in rendition.warnings] == ["remote_job_repeated"]
    assert len(dying.bodies) == len(well.bodies) == 1


def test_a_job_is_run_again_once_only(start, engine, job):
    servers = [start(seconds=20.0) for _ in range(3)]
    for server in servers:
        server.faults["GET /history"] = lambda _handler, server=server: server.die()
    comfy = engine(*servers)
    with pytest.raises(StatusCheckError):
        comfy.render(job(comfy), WATCH)
    assert sum(len(server.bodies) for server in servers) == 2


def test_a_job_that_nobody_has_begun_goes_from_server_to_server_without_a_word(start, engine, job):
    refusing, well = start(), start()
    refusing.faults["POST /upload"] = lambda handler: handler.reply(b"", 500)
    comfy = engine(refusing, well)
    for name in "abcd":
        assert comfy.render(job(comfy, name), WATCH).warnings == ()
    assert len(well.bodies) == 4


def test_a_server_that_takes_no_job_is_left_alone_after_three(start, engine, job):
    broken, well = start(), start(seconds=0.1)
    broken.faults["POST /prompt"] = lambda handler: handler.reply(b"500 Internal Server Error", 500)
    for _ in range(2):
        well.submit({"prompt": {"6": {"inputs": {"filename_prefix": "x"}}}, "client_id": "somebody"})
    well.faults["GET /queue"] = lambda handler: handler.reply({"queue_running": [[0, "x"]], "queue_pending": [[1, "y"]]})
    comfy = engine(broken, well)
    well.jobs_api = True
    for name in "abcde":
        assert comfy.render(job(comfy, name), WATCH).frames == 25
    assert sum(path == "/prompt" for _, path, _ in broken.requests) == 3
    assert len(well.bodies) == 5


def test_a_server_that_lacks_a_node_is_passed_over(start, engine, job):
    poor, rich = start(nodes={name: node for name, node in NODES.items() if name != "SaveVideo"}), start()
    comfy = engine(poor, rich)
    for name in "abc":
        comfy.render(job(comfy, name), WATCH)
    assert (len(poor.bodies), len(rich.bodies)) == (0, 3)


def test_places_are_shared_between_processes_and_waited_for(start, engine, job):
    server = start()
    comfy = engine(server, job_seconds=1.0)
    lock = comfy._pool.servers[0].places.take()
    assert lock is not None
    with pytest.raises(TaskCreationError, match="had room"):
        comfy.render(job(comfy), WATCH)
    lock.release()
    assert comfy.render(job(comfy, "again"), WATCH).frames == 25


def test_a_server_that_is_being_started_anew_costs_no_task(start, engine, job):
    server = start()
    server.faults["GET /system_stats"] = lambda handler: handler.connection.close()
    threading.Timer(0.8, server.faults.clear).start()
    comfy = engine(server, patience_seconds=10.0)
    assert comfy.render(job(comfy), WATCH).frames == 25


def test_another_hosts_jobs_take_their_places_too_and_strangers_do_not(start, engine, job):
    server = start(seconds=20.0)
    comfy, hasty = engine(server), engine(server, job_seconds=1.0)
    server.submit({"prompt": {}, "client_id": "somebody"})
    assert comfy._pool._survey(comfy._workflow, ()).able
    server.submit({"prompt": {}, "client_id": f"{CLIENT_PREFIX}from-another-host"})
    with pytest.raises(TaskCreationError, match="had room"):
        hasty.render(job(hasty), WATCH)
    server.seconds = 0.0
    server.forget()
    assert comfy.render(job(comfy, "again"), WATCH).frames == 25


def test_a_circuit_opens_and_is_tried_again():
    now = [0.0]
    breaker = CircuitBreaker(lambda: now[0])
    for _ in range(3):
        assert breaker.closed
        breaker.failed()
    assert not breaker.closed
    now[0] = 31
    assert breaker.closed
    breaker.failed()
    assert not breaker.closed
    now[0] = 62
    breaker.succeeded()
    assert breaker.closed


def test_addresses():
    given = ("http://a:8188/", "https://b/comfy#rate=20&concurrency=2")
    assert parse_servers(given) == (ServerAddress("http://a:8188"), ServerAddress("https://b/comfy", 20.0, 2))


@pytest.mark.parametrize("address", ["a:8188", "ftp://a", "http://a#speed=2", "http://a#concurrency=0", "http://me:pw@a"])
def test_addresses_that_cannot_be_used(address):
    with pytest.raises(ConfigurationError, match="COMFYUI_URLS"):
        parse_servers([address])
