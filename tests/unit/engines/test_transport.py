"""Waits for another server's answers, which end."""

import time

import pytest
from contract_server import ContractHandler, contract_server

from spark_avatar.engines.transport import Transport, Unreachable
from spark_avatar.errors import Canceled

PAUSE, PIECES = 0.05, 60
"""Seconds between the bytes of an answer that takes three seconds in all."""


def trickle(handler: ContractHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(PIECES))
    handler.end_headers()
    for _ in range(PIECES):
        handler.wfile.write(b" ")
        time.sleep(PAUSE)


@pytest.fixture
def slow():
    with contract_server(b"") as server:
        server.faults["GET video"] = trickle
        yield Transport(server.url)


def test_an_answer_that_trickles_is_not_waited_for(slow):
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"did not finish its answer in 0\.2 s"):
        slow.get("/video", seconds=0.2)
    assert time.monotonic() - started < PAUSE * PIECES / 2


def test_nor_is_a_file_whose_job_is_no_longer_wanted(slow, tmp_path):
    def checkpoint():
        raise Canceled

    started = time.monotonic()
    with pytest.raises(Canceled):
        slow.download("/video", tmp_path / "video", limit=1000, seconds=60, checkpoint=checkpoint)
    assert time.monotonic() - started < PAUSE * PIECES / 2
