"""Clients that keep a connection waiting lose it; those that are merely slow keep it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from spark_avatar.api.slow_clients import SLOWEST_BODY, ImpatientProtocol

PATIENCE = 1
MORE_PATIENCE = 3
"""Where nobody may lose a connection because the machine is busy for a second."""
LONG = 60.0
"""Seconds in which whatever must happen does, on any machine."""
FAT = 64 * 1024 * 1024


class Site:
    """A running server of this protocol, and what became of its requests."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.address = ("", 0)

    async def echo(self, request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except ClientDisconnect:
            self.ends.append("left")
            return Response()

    async def fat(self, _: Request) -> Response:
        async def chunks():
            try:
                for _ in range(FAT // 65536):
                    yield bytes(65536)
                self.ends.append("sent")
            finally:
                self.ends.append("over")

        return StreamingResponse(chunks())


@contextmanager
def served(patience: int) -> Iterator[Site]:
    site = Site()
    app = Starlette(routes=[Route("/echo", site.echo, methods=["GET", "POST"]), Route("/fat", site.fat)])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        config = uvicorn.Config(app, http=ImpatientProtocol, timeout_keep_alive=patience, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        site.address = listener.getsockname()
        yield site
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served(PATIENCE) as running:
        yield running


@pytest.fixture
def line(site: Site) -> Iterator[socket.socket]:
    site.ends.clear()
    with socket.create_connection(site.address, LONG) as connection:
        yield connection


@pytest.fixture
def patient_line() -> Iterator[socket.socket]:
    with served(MORE_PATIENCE) as site, socket.create_connection(site.address, LONG) as connection:
        yield connection


def rest(line: socket.socket) -> bytes:
    """All that comes until the other side hangs up; `TimeoutError` where it does not."""
    answer = b""
    try:
        while piece := line.recv(65536):
            answer += piece
    except ConnectionError:
        pass
    return answer


def told_to_hurry(answer: bytes) -> bool:
    head, _, content = answer.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 408 ") and json.loads(content)["error"]["code"] == "request_timeout"


@pytest.mark.parametrize("head", [b"", b"\r\n"])
def test_a_connection_that_says_nothing_is_closed(line: socket.socket, head: bytes) -> None:
    line.sendall(head)
    answer = rest(line)
    assert answer == b"" or told_to_hurry(answer)


def test_half_a_head_is_not_waited_for(line: socket.socket) -> None:
    line.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
    assert told_to_hurry(rest(line))


def test_a_head_in_drops_does_not_win_time(line: socket.socket) -> None:
    """Every byte begins no new wait."""
    line.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nA: ")
    began = time.monotonic()
    try:
        while time.monotonic() - began < LONG:
            line.sendall(b"b")
            time.sleep(0.05)
    except ConnectionError:
        return
    pytest.fail("it was waited for")


def test_half_a_body_is_not_waited_for(site: Site, line: socket.socket) -> None:
    line.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    assert told_to_hurry(rest(line))
    deadline = time.monotonic() + LONG
    while site.ends != ["left"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert site.ends == ["left"], "the request goes on although its client has left"


def test_half_a_body_that_nobody_reads_is_not_waited_for(line: socket.socket) -> None:
    line.sendall(b"POST /fat HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    answer = rest(line)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_that_keeps_coming_is_taken(patient_line: socket.socket) -> None:
    """For longer than the patience, but fast enough."""
    pieces = 30
    patient_line.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (pieces * SLOWEST_BODY))
    for _ in range(pieces):
        patient_line.sendall(bytes(SLOWEST_BODY))
        time.sleep(1.2 * MORE_PATIENCE / pieces)
    assert b"245760" in patient_line.recv(65536)


def test_the_second_request_of_a_connection_is_not_waited_for_either(line: socket.socket) -> None:
    line.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
    line.sendall(b"GET /echo HT")
    assert told_to_hurry(rest(line))


def test_whoever_does_not_take_the_answer_loses_it(site: Site, line: socket.socket) -> None:
    line.sendall(b"GET /fat HTTP/1.1\r\nHost: x\r\n\r\n")
    deadline = time.monotonic() + LONG
    while not site.ends and time.monotonic() < deadline:
        time.sleep(0.05)
    assert site.ends in (["over"], ["sent", "over"]), "it is still being sent"
    assert len(rest(line)) < FAT


def test_whoever_takes_it_slowly_gets_it_all(patient_line: socket.socket) -> None:
    patient_line.sendall(b"GET /fat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    got = 0
    began = time.monotonic()
    while piece := patient_line.recv(1024 * 1024):
        got += len(piece)
        if time.monotonic() - began < 1.2 * MORE_PATIENCE:
            time.sleep(0.1)
    assert got > FAT
